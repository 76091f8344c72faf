for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const sort = head => {
    const column = head.cellIndex, down = head.dataset.order === "up";
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const difference = head.className === "text" ? a.localeCompare(b) : a - b;
      return down ? -difference : difference;
    };
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
    for (const other of table.tHead.rows[0].cells) { delete other.dataset.order; other.ariaSort = "none"; }
    head.dataset.order = down ? "down" : "up";
    head.ariaSort = down ? "descending" : "ascending";
  };
  table.tHead.addEventListener("click", event => event.target.closest("th") && sort(event.target.closest("th")));
  table.tHead.addEventListener("keydown", event => event.key === "Enter" && sort(event.target));
}
