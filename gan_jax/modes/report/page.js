"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Colors of what is no data: they follow the reader's scheme.
  function themed(layout) {
    const axis = {
      automargin: true, gridcolor: color("--line"), linecolor: color("--line"),
      zerolinecolor: color("--line"), zerolinewidth: 1, fixedrange: touch,
    };
    return Object.assign({}, layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      // A finger on a chart scrolls the page.
      dragmode: touch ? false : "zoom",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("--ink") },
      hoverlabel: { bgcolor: color("--paper"), bordercolor: color("--line"), font: { size: 11, color: color("--ink") } },
      xaxis: Object.assign({}, layout.xaxis, axis, { showspikes: false }),
      yaxis: Object.assign({}, layout.yaxis, axis),
    });
  }

  function colored(figure) {
    if (!dark.matches) { return figure; }
    let text = JSON.stringify(figure);
    for (const [light, twin] of Object.entries(data.darkTwins)) { text = text.replaceAll(light, twin); }
    return JSON.parse(text);
  }

  function drawCharts() {
    for (const [id, original] of Object.entries(data.charts)) {
      const figure = colored(original);
      Plotly.react(id, figure.data, themed(figure.layout), { responsive: true, displayModeBar: false });
    }
  }
  drawCharts();
  dark.addEventListener("change", drawCharts);

  for (const [id, earlier] of Object.entries(data.sliders)) {
    const box = document.getElementById(id);
    const labels = box.dataset.labels.split("\n");
    const range = box.querySelector("input");
    const output = box.querySelector("output");
    const image = box.querySelector("img");
    const uris = [...earlier, image.src];
    const play = box.querySelector("button");
    let timer = null;

    const show = () => {
      const index = Number(range.value);
      image.src = uris[index];
      image.alt = `${image.dataset.alt}, ${labels[index]}`;
      output.value = labels[index];
      range.setAttribute("aria-valuetext", labels[index]);
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    const next = () => {
      if (Number(range.value) >= uris.length - 1) { stop(); return; }
      range.value = Number(range.value) + 1;
      show();
    };
    play.addEventListener("click", () => {
      if (timer !== null) { stop(); return; }
      if (Number(range.value) >= uris.length - 1) { range.value = 0; show(); }
      play.textContent = "Stop";
      timer = setInterval(next, Math.max(120, Math.min(600, 12000 / uris.length)));
    });
    range.addEventListener("input", () => { if (timer !== null) { stop(); } show(); });
    show();
  }
})();
