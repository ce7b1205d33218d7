// A double click is one click: a form is sent once, until its answer comes or this long has passed
// (who stopped the page may send it again). Forms that a script sends look after themselves.

const AGAIN_MS = 3000;
const sent = new WeakMap();

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (performance.now() - (sent.get(event.target) ?? -AGAIN_MS) < AGAIN_MS) event.preventDefault();
  else sent.set(event.target, performance.now());
});
// Back from the page that it led to.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) sent.delete(form);
});
