"use strict";
(function () {
  var root = document.getElementById("timeline");
  var length = Math.max(parseFloat(root.dataset.length), 0.001);
  var zero = root.dataset.zero ? Date.parse(root.dataset.zero) : null;
  var utc = zero !== null;
  var from = 0, to = length;
  var axis = document.getElementById("axis"), label = root.querySelector(".axis .label");
  var views = root.querySelectorAll("svg.view"), letters = root.querySelectorAll("text.letters[data-s]");
  var close = root.querySelectorAll("g.close");
  var steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  var named = label.textContent;

  function two(n) { return (n < 10 ? "0" : "") + n; }
  function text(second, step) {
    var whole = Math.floor(second + 1e-6), parts = step < 1 ? "." + String(Math.round((second - whole) * 1000) + 1000).slice(1) : "";
    if (utc) return new Date(zero + Math.round(second * 1000)).toISOString().slice(11, step < 1 ? 23 : 19);
    return two(Math.floor(whole / 3600)) + ":" + two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60) + parts;
  }
  function shape(name, attributes, inner) {
    var item = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.keys(attributes).forEach(function (key) { item.setAttribute(key, attributes[key]); });
    if (inner) item.textContent = inner;
    return item;
  }
  function ticks(width) {
    var most = Math.max(2, Math.floor(width / 90));
    var step = steps.find(function (s) { return (to - from) / s <= most; }) || 86400;
    while (axis.firstChild) axis.removeChild(axis.firstChild);
    var shown = utc ? zero / 1000 : 0;
    for (var n = Math.ceil((from + shown) / step - 1e-9); n * step - shown <= to + 1e-9; n += 1) {
      var at = n * step - shown, x = 100 * at / length + "%", place = (at - from) / (to - from);
      axis.appendChild(shape("line", {"class": "grid", x1: x, x2: x, y1: 13, y2: 18}));
      axis.appendChild(shape("text", {"class": "small", x: x, y: 11, "text-anchor": place > 0.95 ? "end" : place < 0.05 ? "start" : "middle"}, text(at, step)));
    }
    return step;
  }
  function draw() {
    var scale = length / (to - from), i;
    for (i = 0; i < views.length; i += 1) {
      views[i].setAttribute("width", 100 * scale + "%");
      views[i].setAttribute("x", -100 * scale * from / length + "%");
    }
    var width = axis.ownerSVGElement.getBoundingClientRect().width || 1;
    for (i = 0; i < letters.length; i += 1) {
      var fits = parseFloat(letters[i].dataset.s) / (to - from) * width >= 20;
      if (fits) letters[i].removeAttribute("visibility"); else letters[i].setAttribute("visibility", "hidden");
    }
    for (i = 0; i < close.length; i += 1) {
      if (to - from <= parseFloat(close[i].dataset.most)) close[i].removeAttribute("visibility"); else close[i].setAttribute("visibility", "hidden");
    }
    var step = ticks(width);
    label.textContent = utc ? named : "event time";
    document.getElementById("view").textContent = text(from, step) + " – " + text(to, step) + (utc ? " UTC" : " event time");
  }
  function look(a, b, quiet) {
    var span = Math.min(Math.max(b - a, Math.min(0.1, length)), length);
    from = Math.min(Math.max((a + b - span) / 2, 0), length - span);
    to = from + span;
    draw();
    if (!quiet) history.replaceState(null, "", span < length ? "#t=" + from.toFixed(2) + "-" + to.toFixed(2) : "#timeline");
  }
  function zoom(factor, share) {
    var at = from + (to - from) * share;
    look(at - (at - from) * factor, at + (to - at) * factor);
  }
  function pan(share) { var d = (to - from) * share; look(from + d, to + d); }
  var actions = {
    "in": function () { zoom(0.5, 0.5); }, out: function () { zoom(2, 0.5); },
    left: function () { pan(-0.25); }, right: function () { pan(0.25); }, all: function () { look(0, length); },
    clock: function () { utc = zero !== null && !utc; root.querySelector("[data-do=clock]").textContent = utc ? "Show event time" : "Show UTC"; draw(); }
  };
  var keys = {"+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all"};
  root.querySelector(".toolbar").hidden = false;
  if (zero === null) root.querySelector("[data-do=clock]").hidden = true;
  root.querySelectorAll("[data-do]").forEach(function (button) { button.addEventListener("click", actions[button.dataset["do"]]); });
  root.addEventListener("keydown", function (event) {
    if (keys[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) { actions[keys[event.key]](); event.preventDefault(); }
  });
  root.addEventListener("wheel", function (event) {
    if (!event.ctrlKey) return;
    var box = axis.ownerSVGElement.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
    event.preventDefault();
  }, {passive: false});
  var dragged = null;
  root.addEventListener("pointerdown", function (event) { if (event.target.closest("svg.plot") && to - from < length) dragged = {x: event.clientX, from: from, to: to}; });
  root.addEventListener("pointermove", function (event) {
    if (!dragged) return;
    var width = axis.ownerSVGElement.getBoundingClientRect().width, d = (dragged.x - event.clientX) / width * (dragged.to - dragged.from);
    look(dragged.from + d, dragged.to + d);
  });
  window.addEventListener("pointerup", function () { dragged = null; });
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", function () { document.querySelectorAll("details.incident").forEach(function (d) { d.open = true; }); });
  function address(moved) {
    var found = /^#t=([\d.]+)-([\d.]+)$/.exec(location.hash);
    if (found) { look(parseFloat(found[1]), parseFloat(found[2]), true); if (moved) root.scrollIntoView(); } else draw();
    var target = document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", address);
  address();
})();
