//! Text and tokens: tokenizers, chat templates, and how a conversation becomes both.

pub mod chat;
pub mod tokenizer;

pub use chat::{Chat, Message, Utterance, conversation_for, system_text};
pub use tokenizer::Tokenizer;
