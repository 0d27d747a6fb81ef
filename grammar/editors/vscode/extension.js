// Starts `mascot lsp`, the same binary as the command line, and hands it every .masc file. Nothing about the language is known here.
"use strict";

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("mascot");
  const command = settings.get("path") || "mascot";
  const server = { command, args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient(
    "mascot",
    "mascot",
    { run: server, debug: server },
    { documentSelector: [{ language: "masc" }], outputChannelName: "mascot" },
  );
  try {
    await client.start();
  } catch (why) {
    const choice = await vscode.window.showErrorMessage(
      `mascot: \`${command} lsp\` did not start: ${why.message}. Set \`mascot.path\` to the binary.`,
      "Open settings",
    );
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "mascot.path");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) await running.stop().catch(() => {});
}

async function restart() {
  await stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.commands.registerCommand("mascot.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("mascot.path") && restart()),
  );
  await start();
};

exports.deactivate = stop;
