"use strict";

// Draws /openapi.json; every text goes through textContent, so nothing in it is read as HTML.

const byId = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  if (text !== undefined) made.textContent = text;
  return made;
}

function allowed(schema) {
  if (schema.enum) return schema.enum.join(", ");
  const parts = [];
  if (schema.minimum !== undefined) parts.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) parts.push(`to ${schema.maximum}`);
  if (schema.pattern) parts.push(schema.pattern);
  if (schema.format === "date-time") parts.push("ISO 8601 with UTC offset");
  return parts.join(" ");
}

function drawInputs(properties) {
  for (const [name, schema] of Object.entries(properties)) {
    const row = element("tr");
    const cells = [name, schema.format || schema.type, schema.description, allowed(schema)];
    row.append(...cells.map((text) => element("td", text)));
    byId("inputs").append(row);
  }
}

function drawForm(properties) {
  for (const [name, schema] of Object.entries(properties)) {
    const field = element(schema.enum ? "select" : "input", undefined, { name });
    for (const choice of schema.enum || []) field.append(element("option", choice));
    field.value = schema.examples[0];
    const label = element("label", name);
    label.append(field);
    byId("fields").append(label);
  }
}

function row(properties) {
  const values = new FormData(byId("form"));
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const text = values.get(name);
      return [name, schema.type === "number" && text.trim() !== "" ? Number(text) : text];
    }),
  );
}

function drawShell(properties) {
  const body = JSON.stringify(row(properties)).replaceAll("'", "'\\''");
  byId("shell").textContent =
    `curl ${location.origin}/predict -H 'content-type: application/json' -d '${body}'`;
}

async function predict(properties) {
  const answer = byId("answer");
  answer.hidden = false;
  answer.textContent = "…";
  try {
    const response = await fetch("/predict", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(row(properties)),
    });
    answer.textContent = `${response.status}\n${JSON.stringify(await response.json(), null, 2)}`;
  } catch (error) {
    answer.textContent = String(error);
  }
}

function drawOperations(paths) {
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const details = element("details");
      details.append(element("summary", `${method.toUpperCase()} ${path}`));
      details.append(element("p", operation.summary));
      for (const { name, description } of operation.parameters || []) {
        details.append(element("p", `Header ${name}: ${description}`));
      }
      const table = element("table");
      for (const [status, response] of Object.entries(operation.responses)) {
        const line = element("tr");
        line.append(element("td", status), element("td", response.description));
        table.append(line);
      }
      details.append(table);
      byId("operations").append(details);
    }
  }
}

async function draw() {
  const api = await (await fetch("/openapi.json")).json();
  const properties = api.components.schemas.Row.properties;
  document.title = `${api.info.title} API`;
  byId("title").textContent = `${api.info.title} ${api.info.version}`;
  byId("description").textContent = api.info.description;
  drawInputs(properties);
  drawForm(properties);
  drawShell(properties);
  drawOperations(api.paths);
  byId("form").addEventListener("input", () => drawShell(properties));
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    predict(properties);
  });
}

draw();
