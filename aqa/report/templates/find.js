"use strict";
(function () {
  var box = document.getElementById("find");
  if (!box) return;
  var rows = Array.prototype.slice.call(document.querySelectorAll("table.rows tbody tr"));
  box.parentNode.hidden = false;
  box.addEventListener("input", function () {
    var wanted = box.value.toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      row.hidden = row.textContent.toLowerCase().indexOf(wanted) < 0;
      if (!row.hidden) shown += 1;
    });
    document.getElementById("found").textContent = wanted ? shown + " of " + rows.length : "";
  });
})();
