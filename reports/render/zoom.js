"use strict";
// Waveforms that can be zoomed into, down to single samples. The picture (SVG) stays for print and for a page without
// script. The samples are decoded when somebody opens one; what is drawn is the samples themselves, or, where there are
// more than pixels, the lowest and the highest of each column.
const decodeSamples = (text) => {
  const about = JSON.parse(text);
  const bytes = Uint8Array.from(atob(about.samples), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = new Float64Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) {
    const code = view.getInt16(2 * i, true);
    values[i] = code === -32768 ? NaN : about.low + (code + 32767) * about.step;
  }
  return { ...about, values };
};

// The samples from index `first` to `last`, both drawn; at most four for each of `columns`.
const columnsOf = (wave, first, last, columns) => {
  const x = [], y = [];
  const put = (i) => { x.push(wave.start + i * wave.dt); y.push(Number.isNaN(wave.values[i]) ? null : wave.values[i]); };
  if (last - first < 4 * columns) {
    for (let i = first; i <= last; i++) put(i);
    return [x, y];
  }
  for (let c = 0; c < columns; c++) {
    const from = first + Math.floor((last - first + 1) * c / columns);
    const to = first + Math.floor((last - first + 1) * (c + 1) / columns) - 1;
    let low = from, high = from, gap = -1;
    for (let i = from; i <= to; i++) {
      if (Number.isNaN(wave.values[i])) gap = i;
      if (wave.values[i] < wave.values[low] || Number.isNaN(wave.values[low])) low = i;
      if (wave.values[i] > wave.values[high] || Number.isNaN(wave.values[high])) high = i;
    }
    [...new Set([from, low, high, to, ...(gap < 0 ? [] : [gap])])].sort((a, b) => a - b).forEach(put);
  }
  return [x, y];
};

class SampleView {
  constructor(figure, text) {
    this.wave = decodeSamples(text);
    this.figure = figure;
    const last = this.wave.start + this.wave.dt * (this.wave.values.length - 1);
    this.whole = [this.wave.start, last];
    this.box = document.createElement("div");
    this.box.className = "samples";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-label", `${this.wave.quantity} over time, to be zoomed: plus and minus zoom, the arrow keys move, 0 shows all, escape closes`);
    this.told = document.createElement("p");
    this.told.className = "samples-told";
    this.told.setAttribute("aria-live", "polite");
    figure.querySelector("svg").after(this.box, this.told);
    figure.classList.add("zoomed");
    this.plot = new uPlot(this.options(), [[], []], this.box);
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("dblclick", () => this.show(...this.whole));
    this.resized = () => this.plot.setSize({ width: this.width(), height: 320 });
    addEventListener("resize", this.resized);
    this.show(...this.whole);
    this.box.focus({ preventScroll: true });
  }

  width() { return Math.max(280, this.figure.clientWidth); }

  options() {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour("--ink"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--line") } };
    const round = (s, places) => Math.abs(1e3 * s * 10 ** places - Math.round(1e3 * s * 10 ** places)) < 1e-3;
    const seconds = (u, splits) => {
      const places = [0, 1, 2, 3, 4, 5].find((n) => splits.every((s) => round(s, n))) ?? 5;
      return splits.map((s) => (1e3 * s).toFixed(places).replace("-", "−"));
    };
    return {
      width: this.width(), height: 320, legend: { live: true },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { time: false, auto: false }, y: {} },
      axes: [{ ...axis, label: `${this.wave.time} / ms`, values: seconds, space: 70 }, { ...axis, label: `${this.wave.quantity} / ${this.wave.unit}` }],
      series: [
        { label: "ms", value: (u, s) => (s === null ? "" : (1e3 * s).toFixed(3)) },
        { label: this.wave.unit, stroke: colour("--wave"), width: 1.4, spanGaps: false, points: { show: () => this.single }, value: (u, v) => (v === null ? "" : v.toPrecision(5)) },
      ],
      hooks: {
        setSelect: [(u) => {
          const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          if (to > from) this.show(from, to);
        }],
        draw: [(u) => this.marks(u, colour)],
      },
    };
  }

  // Show from..to (s), within the record, never less than four samples.
  show(from, to) {
    const { wave, whole } = this, n = wave.values.length;
    const span = Math.min(Math.max(to - from, Math.min(4, n - 1) * wave.dt), whole[1] - whole[0]);
    from = Math.min(Math.max(from, whole[0]), whole[1] - span);
    const first = Math.max(0, Math.floor((from - wave.start) / wave.dt + 1e-6));
    const last = Math.min(n - 1, Math.ceil((from + span - wave.start) / wave.dt - 1e-6));
    this.window = [from, from + span];
    this.single = last - first < this.width() / 8;
    const data = columnsOf(wave, first, last, Math.ceil(this.width()));
    this.plot.batch(() => {
      this.plot.setData(data, false);
      this.plot.setScale("x", { min: from, max: from + span });
      const seen = data[1].filter((v) => v !== null);
      const low = Math.min(...seen), high = Math.max(...seen), pad = 0.08 * (high - low) || 1;
      this.plot.setScale("y", { min: low - pad, max: high + pad });
    });
    const ms = (s) => (1e3 * s).toFixed(3);
    const drawn = data[0].length === last - first + 1 ? "every one drawn" : "the extremes of each column drawn";
    this.told.textContent = `${ms(from)} to ${ms(from + span)} ms, ${last - first + 1} samples, ${drawn}. Drag or press + to zoom, arrows to move, 0 for all, Esc to close.`;
  }

  key(event) {
    const [from, to] = this.window, span = to - from, middle = (from + to) / 2;
    const todo = {
      "+": () => this.show(middle - span / 4, middle + span / 4), "=": () => this.show(middle - span / 4, middle + span / 4),
      "-": () => this.show(middle - span, middle + span), 0: () => this.show(...this.whole), Home: () => this.show(...this.whole),
      ArrowLeft: () => this.show(from - span / 5, to - span / 5), ArrowRight: () => this.show(from + span / 5, to + span / 5),
      Escape: () => this.close(),
    }[event.key];
    if (!todo || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    todo();
  }

  marks(u, colour) {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1;
    const tones = { t0: "--ink", t1: "--mark", limit: "--bad", guard: "--inc" };
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    ctx.font = `${12 * ratio}px system-ui, sans-serif`; ctx.lineWidth = 1.4 * ratio;
    ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
    const line = (tone, dash, from, to, text, at) => {
      ctx.strokeStyle = ctx.fillStyle = colour(tone); ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.beginPath(); ctx.moveTo(...from); ctx.lineTo(...to); ctx.stroke(); ctx.fillText(text, ...at);
    };
    for (const [name, level] of Object.entries(this.wave.levels)) {
      for (const value of name === "threshold" ? [level, -level] : [level]) {
        const y = u.valToPos(value, "y", true);
        line("--band", [6, 4], [bbox.left, y], [bbox.left + bbox.width, y], value === level ? name : "", [bbox.left + 6 * ratio, y - 5 * ratio]);
      }
    }
    Object.entries(this.wave.marks).forEach(([name, time], row) => {
      const x = u.valToPos(time, "x", true);
      line(tones[name] || "--mark", [], [x, bbox.top], [x, bbox.top + bbox.height], name, [x + 4 * ratio, bbox.top + (14 + 14 * (row % 4)) * ratio]);
    });
    ctx.restore();
  }

  close() {
    removeEventListener("resize", this.resized);
    this.plot.destroy();
    this.box.remove(); this.told.remove();
    this.figure.classList.remove("zoomed");
    this.figure.sampleView = null;
    const button = this.figure.querySelector("button.zoom");
    button.setAttribute("aria-expanded", "false");
    button.textContent = "Zoom into the samples";
    button.focus({ preventScroll: true });
  }
}

document.querySelectorAll("figure[data-samples]").forEach((figure) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "zoom";
  button.textContent = "Zoom into the samples";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    if (figure.sampleView) { figure.sampleView.close(); return; }
    const held = document.querySelector(`template[data-waveform="${CSS.escape(figure.dataset.samples)}"]`);
    button.setAttribute("aria-expanded", "true");
    button.textContent = "Back to the picture";
    figure.sampleView = new SampleView(figure, held.content.textContent);
  });
  figure.append(button);
});
