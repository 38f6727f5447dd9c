// What the pages of the documentation do beyond reading. All of it can be read, and every link followed, without.
"use strict";

// An address of before: the place on a long page is a page of its own now.
const moved = () => {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place && "moved" in place.dataset) location.replace(place.dataset.moved);
};
moved();
addEventListener("hashchange", moved);

// Of a session in a terminal the commands are copied, not what they print.
const commandsOf = (text) => {
  const found = [];
  let open = false;
  for (const line of text.split("\n")) {
    if (open) found.push(line);
    else if (line.startsWith("$ ")) found.push(line.slice(2));
    else continue;
    if ((line.split("'").length - 1) % 2) open = !open;
  }
  return found.join("\n");
};

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // over plain http there is no clipboard
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
};

for (const block of document.querySelectorAll("main pre")) {
  const text = block.querySelector("code.language-console")
    ? commandsOf(block.textContent)
    : block.textContent;
  if (!text) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  const holder = document.createElement("div");
  holder.className = "code";
  block.replaceWith(holder);
  holder.append(block, button);
}

// A call is sent to the hub that serves the page, without its cookies: the token alone says who calls.
const send = async (form) => {
  const { address, token, body, dry } = form.elements;
  const headers = {};
  if (token && token.value) headers.Authorization = `Bearer ${token.value}`;
  if (body) headers["Content-Type"] = form.dataset.media;
  if (dry && dry.checked) headers["Hub-Dry-Run"] = "true";
  const reply = await fetch(address.value, {
    method: form.dataset.method,
    headers,
    body: body ? body.value : undefined,
    credentials: "omit",
  });
  const text = await reply.text();
  try {
    return `${reply.status} ${reply.statusText}\n\n${JSON.stringify(JSON.parse(text), null, 2)}`;
  } catch {
    return `${reply.status} ${reply.statusText}\n\n${text}`;
  }
};

for (const form of document.querySelectorAll("form.try")) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = form.querySelector("output");
    answer.hidden = false;
    answer.textContent = "…";
    answer.textContent = await send(form).catch((error) => String(error));
  });
}
