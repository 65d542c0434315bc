// Parses each text of the JSON list on standard input; prints the messages as a JSON list, null where it parses.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// Mermaid looks for a browser's document when it is loaded.
const { window } = new JSDOM("<body></body>");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

const messages = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    await mermaid.parse(text);
    messages.push(null);
  } catch (error) {
    messages.push(String(error.message ?? error));
  }
}
console.log(JSON.stringify(messages));
