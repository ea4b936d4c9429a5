"use strict";
// The handset: what is typed goes to the simulated gateway, what the gateway got is what is shown.
(() => {
  const page = document.getElementById("handset");
  const at = (id) => document.getElementById(id);
  const [ussd, dialed, reply, replyLabel, person] = ["ussd", "dialed", "reply", "reply-label", "person"].map(at);
  const words = page.dataset;
  let session = null; // a dialed one's name, or the message that is being answered and where its conversation stands
  let busy = false;
  let numberOf = null; // the subscriber whose number is told

  const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

  async function post(url, data) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify(data),
    });
    const told = await answer.json();
    if (told.error) throw new Error(told.error);
    return told;
  }

  async function during(work) {
    if (busy) return; // like a real phone: no key counts while the network is at it
    busy = true;
    page.setAttribute("aria-busy", "true");
    const before = ussd.textContent;
    const timer = setTimeout(() => { ussd.textContent = words.waiting; }, 400);
    try {
      await work();
    } catch (error) {
      ussd.textContent = error instanceof TypeError ? words.failed : error.message;
      end();
    } finally {
      clearTimeout(timer);
      if (ussd.textContent === words.waiting) ussd.textContent = before;
      busy = false;
      page.setAttribute("aria-busy", "false");
    }
  }

  function show(step) {
    ussd.textContent = step.text;
    dialed.textContent = "";
    session = step.is_over ? null : step.session;
    replyLabel.hidden = step.is_over;
    reply.value = "";
    if (!step.is_over) reply.focus();
    note(step.wire);
  }

  function note(wire) {
    const item = document.createElement("li");
    for (const text of [wire.request, wire.reply]) {
      const box = document.createElement("pre");
      box.textContent = text;
      item.append(box);
    }
    at("wire").prepend(item);
  }

  function end() {
    session = null;
    replyLabel.hidden = true;
  }

  const dial = (code) => during(async () => {
    if (!person.value) throw new Error(words.choose);
    end();
    dialed.textContent = code;
    show(await post(words.dial, {
      person: person.value, code, dialect: at("dialect").value, network: at("network").value,
    }));
    refresh();
  });

  function begin(message, text) {
    hangUp();
    ussd.textContent = text;
    session = { message, state: null };
    replyLabel.hidden = false;
    reply.value = "";
    reply.focus();
  }

  const answer = (key) => during(async () => {
    const { message, state } = session;
    const turn = await post(words.answer, { message, key, state });
    ussd.textContent = turn.text;
    reply.value = "";
    if (turn.is_over) end();
    else {
      session = { message, state: turn.state };
      reply.focus();
    }
  });

  const press = (input) => during(async () => {
    show(await post(words.press, { session, input }));
    refresh();
  });

  function call() {
    if (session) {
      const input = reply.value.trim();
      if (input) (session.message ? answer : press)(input);
    } else if (dialed.textContent) {
      dial(dialed.textContent);
    }
  }

  function type(key) {
    if (session) {
      reply.value += key;
      reply.focus();
    } else {
      dialed.textContent = (dialed.textContent + key).slice(0, 182);
    }
  }

  function erase() {
    if (session) reply.value = reply.value.slice(0, -1);
    else dialed.textContent = dialed.textContent.slice(0, -1);
  }

  function hangUp() {
    if (session) ussd.textContent = words.ended;
    else ussd.textContent = "";
    dialed.textContent = "";
    end();
  }

  async function find() {
    const chosen = person.value;
    const answer = await fetch(`${words.people}?q=${encodeURIComponent(at("search").value)}`);
    const { people } = await answer.json();
    person.replaceChildren(...people.map(({ id, label }) => new Option(label, id, false, String(id) === chosen)));
    if (!people.length) person.append(new Option(words.nobody, ""));
    owner();
  }

  function owner() {
    const option = person.selectedOptions[0];
    at("owner").textContent = option && option.value ? option.textContent : "—";
    if (numberOf !== person.value) tellNumber().catch(() => {});
  }

  async function readInbox() {
    const answer = await fetch(`${words.inbox}?person=${encodeURIComponent(person.value)}`);
    const { messages, waiting } = await answer.json();
    const line = (head, text, kind, message) => {
      const item = document.createElement("li");
      item.className = kind;
      const small = document.createElement("small");
      small.textContent = head;
      const body = document.createElement("p");
      body.textContent = text;
      item.append(small, body);
      if (message) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "outline";
        button.textContent = words.toAnswer;
        button.addEventListener("click", () => begin(message, text));
        item.append(button);
      }
      return item;
    };
    const items = waiting.map((m) => line([`${words.from} ${m.from}`, m.why].filter(Boolean).join(" · "), m.text, "waits"));
    items.push(...messages.map((m) => line(`${m.at} · ${m.channel.toUpperCase()}`, m.text, "arrived", m.answer)));
    if (!items.length) items.push(line("", words.empty, "none"));
    const shown = items.map((item) => item.textContent).join("\n");
    if (at("inbox").dataset.shown === shown) return; // a screen reader hears what is new only
    at("inbox").dataset.shown = shown;
    at("inbox").replaceChildren(...items);
  }

  // Made-up subscribers only have one to tell; it is asked for by id, so that no address holds it.
  async function tellNumber() {
    const asked = numberOf = person.value;
    at("number-line").hidden = true;
    const { number } = asked ? await post(words.number, { person: asked }) : { number: "" };
    if (asked !== numberOf) return; // another phone was taken meanwhile
    at("number").textContent = number;
    at("number-line").hidden = !number;
    at("copied").textContent = "";
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(at("number").textContent);
      at("copied").textContent = words.copied;
    } catch {
      getSelection().selectAllChildren(at("number")); // no right to the clipboard: Ctrl-C does the rest
    }
  }

  // No key press: the phone stays free for the click that made the field change.
  const setNetwork = () => post(words.network, {
    delay: at("delay").value || 0, loss: at("loss").value || 0, receipts: at("receipts").checked,
  }).catch((error) => { at("offer-done").textContent = error instanceof TypeError ? words.failed : error.message; });

  const offer = () => during(async () => {
    at("offer-done").textContent = words.waiting;
    const told = await post(words.offer, {});
    at("offer-done").textContent = told.done;
    readInbox();
  });

  // Numbers are looked for by id only, never typed in full into an address.
  const refresh = () => find().then(readInbox).catch(() => {});

  const field = at("clock-to");
  let shown = field.value; // the field follows the clock until somebody types into it: a minute that is over is refused

  function tell(clock) {
    at("clock-time").textContent = clock.time;
    at("clock-day").textContent = clock.now;
    if (field.value === shown && document.activeElement !== field) field.value = clock.iso;
    shown = clock.iso;
    if (clock.done) at("clock-done").textContent = clock.done;
  }

  const move = (to) => during(async () => {
    at("clock-done").textContent = words.waiting;
    try {
      const clock = await post(words.clock, { to });
      tell(clock);
      field.value = clock.iso;
    } catch (error) {
      at("clock-done").textContent = error.message;
    }
  });

  for (const button of page.querySelectorAll("[data-key]")) button.addEventListener("click", () => type(button.dataset.key));
  for (const button of page.querySelectorAll("[data-code]")) button.addEventListener("click", () => dial(button.dataset.code));
  for (const button of page.querySelectorAll("[data-to]")) button.addEventListener("click", () => move(button.dataset.to));
  at("call").addEventListener("click", call);
  at("erase").addEventListener("click", erase);
  at("hang-up").addEventListener("click", hangUp);
  at("balance").addEventListener("change", (event) => during(() => post(words.balance, { mode: event.target.value })));
  at("clock-form").addEventListener("submit", (event) => { event.preventDefault(); move(field.value); });
  for (const id of ["delay", "loss", "receipts"]) at(id).addEventListener("change", setNetwork);
  at("offer").addEventListener("click", offer);
  person.addEventListener("change", () => { hangUp(); owner(); readInbox().catch(() => {}); });
  at("copy").addEventListener("click", copy);
  let pause;
  at("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(refresh, 200); });
  document.addEventListener("keydown", (event) => {
    const inField = event.target.closest("input, select, textarea");
    if (event.key === "Escape") hangUp();
    else if (busy && !inField && /^[0-9*#]$|^Enter$|^Backspace$/.test(event.key)) return; // no key counts while the network is at it
    else if (event.key === "Enter" && (event.target === reply || !event.target.closest("input, select, button, a, summary"))) call();
    else if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (/^[0-9*#]$/.test(event.key)) type(event.key);
    else if (event.key === "Backspace") erase();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
  setInterval(() => fetch(words.clock).then((answer) => answer.json()).then(tell).catch(() => {}), 1000);
  setInterval(() => readInbox().catch(() => {}), 2000);
  if (person.options.length && !person.value) person.selectedIndex = 0;
  owner();
  readInbox().catch(() => {});
})();
