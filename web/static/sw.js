// Shows what is pushed (notify/push.py), and opens the page when somebody touches it.
"use strict";

self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : {};
  const shown = { body: told.body, tag: told.tag, renotify: Boolean(told.tag), data: { url: told.url } };
  event.waitUntil(self.registration.showNotification(told.title || "Notice", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url || "/notices"));
});

async function open(url) {
  const wanted = new URL(url, self.location.origin);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === wanted.pathname);
  if (page) return page.focus();
  return self.clients.openWindow(wanted.href);
}
