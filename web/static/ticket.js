// One ticket: who has it, and what was said in it. Whoever opens it has read it, for every way.
(() => {
  "use strict";

  const { ask, element, find, say } = desk;
  const number = Number(location.pathname.split("/").pop());

  function item(entry) {
    const made = element("li", "");
    const kind = entry.kind === "note" ? "note, " : "";
    const when = element("time", new Date(entry.sent_at ?? entry.created_at).toLocaleString());
    const trouble = entry.state === "failed" ? ` · not delivered: ${entry.trouble}` : "";
    const head = element("strong", `${entry.author_name || entry.author} · ${kind}`);
    head.append(when, trouble);
    const files = entry.attachments.map((one) => `[${one.filename ?? "file"}]`).join(" ");
    const text = element("p", [entry.reply_text || entry.text, files].filter(Boolean).join("\n"));
    text.className = "text";
    made.append(head, text);
    return made;
  }

  async function show() {
    const { notices: [newest] } = await ask("/me/notices?limit=1"); // what comes from now on is not read yet
    const ticket = await ask(`/tickets/${number}`);
    const who = ticket.contact.name || ticket.contact.address;
    document.title = `#${ticket.number} ${ticket.subject}`;
    find("title").textContent = document.title;
    find("facts").textContent = [who, ticket.channel, ticket.department, ticket.agent ?? "nobody yet", ticket.status, ticket.priority].join(" · ");
    find("entries").replaceChildren(...ticket.entries.map(item));
    say("");
    if (newest) await ask("/me/notices/read", "POST", { tickets: [number], up_to: newest.id });
  }

  function left() {
    find("title").textContent = document.title = "Ticket";
    find("facts").textContent = "";
    find("entries").replaceChildren();
  }

  const page = desk.open("/me/notices?limit=1", () => page.guarded(show), left);
  page.start();
})();
