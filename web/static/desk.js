// What the pages of an agent share: the token, which lives as long as the tab, and asking the API with it.
const desk = (() => {
  "use strict";

  const find = (id) => document.getElementById(id);
  let token = sessionStorage.getItem("token");

  class Refused extends Error {}

  async function ask(path, method = "GET", body = null) {
    const answer = await fetch(`/api/v1${path}`, { method, headers: headers(), body: body && JSON.stringify(body), cache: "no-store" });
    if (answer.status === 204) return null;
    const said = await answer.json();
    if (answer.status === 401) throw new Refused(said.error);
    if (!answer.ok) throw new Error(said.error);
    return said;
  }

  function headers() {
    return { Authorization: `Bearer ${token}` };
  }

  function say(words) {
    find("state").textContent = words;
  }

  function element(name, words) {
    const made = document.createElement(name);
    made.textContent = words;
    return made;
  }

  // Shows the page to who has a token, and else asks for one: `enter` begins to show, `left` takes everything away again.
  function open(check, enter, left) {
    function begin() {
      find("login").hidden = true;
      find("tools").hidden = false;
      enter();
    }

    function leave(words = "") {
      sessionStorage.removeItem("token");
      token = null;
      left();
      find("tools").hidden = true;
      find("login").hidden = false;
      say(words);
    }

    async function guarded(act) {
      try {
        await act();
      } catch (error) {
        if (error instanceof Refused) leave(error.message);
        else say(error.message);
      }
    }

    find("login").addEventListener("submit", (event) => {
      event.preventDefault();
      token = find("token").value.trim();
      find("token").value = "";
      guarded(async () => {
        await ask(check);
        sessionStorage.setItem("token", token);
        begin();
      });
    });
    find("leave").addEventListener("click", () => leave());
    return { guarded, leave, start: () => (token ? begin() : leave()) };
  }

  return { Refused, ask, element, find, headers, open, say };
})();
