// What no regular expression can say of `.masc`: where an entry ends, and prose between as many quotes as opened it.

#include "tree_sitter/parser.h"

#include <stdlib.h>

// In the order of `externals` in grammar.js.
enum Token { NEWLINE, PROSE_START, PROSE_CONTENT, PROSE_END, CLOSE_GROUP, CLOSE_LIST };

// How many quotes opened the prose that one is in; 0 outside.
typedef struct {
  uint8_t quotes;
} Scanner;

void *tree_sitter_masc_external_scanner_create(void) { return calloc(1, sizeof(Scanner)); }

void tree_sitter_masc_external_scanner_destroy(void *payload) { free(payload); }

unsigned tree_sitter_masc_external_scanner_serialize(void *payload, char *buffer) {
  buffer[0] = (char)((Scanner *)payload)->quotes;
  return 1;
}

void tree_sitter_masc_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  ((Scanner *)payload)->quotes = length > 0 ? (uint8_t)buffer[0] : 0;
}

static bool is_blank(int32_t character) { return character == ' ' || character == '\t' || character == '\r'; }

static bool is_alphanumeric(int32_t character) {
  return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

// At most 255, the most that is remembered.
static unsigned quotes(TSLexer *lexer) {
  unsigned count = 0;
  while (lexer->lookahead == '"' && count < 255) {
    lexer->advance(lexer, false);
    count++;
  }
  return count;
}

// `"""md` and `>"""`, with its line's end.
static bool prose_start(Scanner *scanner, TSLexer *lexer) {
  if (lexer->lookahead == '>') lexer->advance(lexer, false);
  unsigned count = quotes(lexer);
  if (count < 3) return false;
  while (is_alphanumeric(lexer->lookahead)) lexer->advance(lexer, false);
  while (is_blank(lexer->lookahead)) lexer->advance(lexer, false);
  if (lexer->lookahead != '\n') return false;
  lexer->mark_end(lexer);
  scanner->quotes = (uint8_t)count;
  lexer->result_symbol = PROSE_START;
  return true;
}

// Lines up to the one that closes; or, when that is the next, its fence.
static bool prose_rest(Scanner *scanner, TSLexer *lexer) {
  bool has_content = false;
  // The opening fence ends before its line's end.
  if (lexer->lookahead == '\n') lexer->advance(lexer, true);
  for (;;) {
    lexer->mark_end(lexer);
    while (is_blank(lexer->lookahead)) lexer->advance(lexer, has_content ? false : true);
    if (lexer->lookahead == '"') {
      unsigned count = quotes(lexer);
      if (count == scanner->quotes && lexer->lookahead != '"') {
        if (has_content) {
          lexer->result_symbol = PROSE_CONTENT;
          return true;
        }
        lexer->mark_end(lexer);
        scanner->quotes = 0;
        lexer->result_symbol = PROSE_END;
        return true;
      }
    }
    while (lexer->lookahead != '\n' && !lexer->eof(lexer)) lexer->advance(lexer, false);
    if (lexer->eof(lexer)) return false;
    lexer->advance(lexer, false);
    has_content = true;
  }
}

bool tree_sitter_masc_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  bool recovering = valid[PROSE_START] && valid[PROSE_CONTENT];
  if (scanner->quotes > 0 && (valid[PROSE_CONTENT] || valid[PROSE_END])) return prose_rest(scanner, lexer);

  bool in_brackets = valid[CLOSE_GROUP] || valid[CLOSE_LIST];
  if (valid[NEWLINE] && (!in_brackets || recovering)) {
    while (is_blank(lexer->lookahead)) lexer->advance(lexer, true);
    if (lexer->lookahead == '\n') {
      lexer->advance(lexer, false);
      lexer->mark_end(lexer);
      lexer->result_symbol = NEWLINE;
      return true;
    }
  }
  if (valid[PROSE_START]) {
    while (is_blank(lexer->lookahead) || (lexer->lookahead == '\n' && (in_brackets || !valid[NEWLINE]))) lexer->advance(lexer, true);
    if (lexer->lookahead == '"' || lexer->lookahead == '>') return prose_start(scanner, lexer);
  }
  return false;
}
