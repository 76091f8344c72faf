// Loaded before Neuroglancer's client. The client that comes with the Python package asks a Python server for its
// state; this page answers in its place, from the file state.json, so that any web server can show it.
(() => {
  const volume = new URL("../../", location.href).href; // of .../<volume>/viewer/v/view.html
  const query = new URLSearchParams(location.search);

  function giveUp(why) {
    const note = document.createElement("p");
    note.id = "ultraseg-problem";
    note.textContent = `This volume cannot be shown: ${why}. See docs/viewing.md of ultraseg.`;
    note.style.cssText = "position: fixed; inset: 40% 20%; z-index: 1000; color: white; font: 20px sans-serif";
    document.documentElement.append(note);
  }

  if (location.protocol === "file:") {
    giveUp("browsers read data only from a web server, not from files");
    return;
  }

  const serverFetch = window.fetch.bind(window);
  const state = serverFetch("state.json").then((answer) => answer.json()).then((found) => {
    for (const layer of found.layers) {
      if (layer.type === "annotation") continue; // its annotations are in the state itself
      layer.source = [layer.source].flat().map((path) => volume + path);
    }
    const position = (query.get("position") || "").split(",").map(Number);
    if (position.length === 3 && position.every(Number.isFinite)) found.position = position;
    return found;
  });

  // Slab files are large: only the parts that are looked at are read.
  serverFetch(volume + "image.zarr/zarr.json", { headers: { Range: "bytes=0-0" } })
    .then((answer) => {
      if (answer.status === 404) giveUp("image.zarr does not lie beside the folder viewer");
      else if (answer.status !== 206) giveUp("this web server does not send parts of files (range requests)");
    });

  window.EventSource = class {
    constructor() {
      state.then((found) => {
        this.onopen?.();
        this.onmessage?.({ data: JSON.stringify({ k: "s", g: "0", s: found }) });
      });
    }
    close() {}
  };

  // What the client would tell the server: only the place goes into the address, to be kept or sent to somebody.
  window.fetch = (resource, options) => {
    if (options?.method !== "POST") return serverFetch(resource, options);
    if (new URL(resource, location.href).pathname.includes("/viewer/state/")) {
      const place = JSON.parse(options.body).s?.position;
      if (place) history.replaceState(null, "", "?position=" + place.map((at) => Math.round(at)).join(","));
    }
    return Promise.resolve(new Response('{"g": "0"}', { headers: { "Content-Type": "application/json" } }));
  };
})();
