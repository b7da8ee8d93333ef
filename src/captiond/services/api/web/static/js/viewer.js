/**
 * Zooms a picture in a frame that scrolls: fits it to the frame, or shows it at a scale.
 */

const MAX_SCALE = 8;
const STEP = 1.25;

export class Viewer {
  /** Screen pixels per image pixel; null: fits the frame. @type {number | null} */
  scale = null;

  /**
   * @param {HTMLElement} frame
   * @param {HTMLImageElement} picture
   * @param {(percent: number, isFit: boolean) => void} onZoom
   */
  constructor(frame, picture, onZoom) {
    this.frame = frame;
    this.picture = picture;
    this.onZoom = onZoom;
    frame.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    frame.addEventListener("dblclick", (event) => {
      this.zoomTo(this.scale === null ? 1 : null, event.clientX, event.clientY);
    });
    frame.addEventListener("pointerdown", (event) => this.#onDrag(event));
    new ResizeObserver(() => this.#report()).observe(frame);
    picture.addEventListener("load", () => this.#show());
    this.#show();
  }

  /** The scale at which the picture fits the frame. */
  get fit() {
    const { width, height } = this.#size();
    const ratio = devicePixelRatio;
    return Math.min(1, (this.frame.clientWidth * ratio) / width, (this.frame.clientHeight * ratio) / height);
  }

  zoomIn() {
    this.zoomTo((this.scale ?? this.fit) * STEP);
  }

  zoomOut() {
    this.zoomTo((this.scale ?? this.fit) / STEP);
  }

  /**
   * Zoom, keeping a point of the window in place; by default, the middle of the frame.
   *
   * @param {number | null} scale null or a scale below that of the fit: fit
   * @param {number} [x]
   * @param {number} [y]
   */
  zoomTo(scale, x, y) {
    const frame = this.frame.getBoundingClientRect();
    const [left, top] = [x ?? frame.left + frame.width / 2, y ?? frame.top + frame.height / 2];
    const before = this.picture.getBoundingClientRect();
    const at = { x: (left - before.left) / before.width, y: (top - before.top) / before.height };
    const isFit = scale === null || (scale !== 1 && scale < this.fit * 1.001);
    this.scale = isFit ? null : Math.min(scale, MAX_SCALE);
    this.#show();
    const after = this.picture.getBoundingClientRect();
    this.frame.scrollLeft += after.left + at.x * after.width - left;
    this.frame.scrollTop += after.top + at.y * after.height - top;
  }

  #size() {
    return {
      width: this.picture.naturalWidth || Number(this.picture.getAttribute("width")),
      height: this.picture.naturalHeight || Number(this.picture.getAttribute("height")),
    };
  }

  #show() {
    this.frame.classList.toggle("zoomed", this.scale !== null);
    const { width } = this.#size();
    this.picture.style.width = this.scale === null ? "" : `${(width * this.scale) / devicePixelRatio}px`;
    this.#report();
  }

  #report() {
    this.onZoom(Math.round((this.scale ?? this.fit) * 100), this.scale === null);
  }

  /** @param {WheelEvent} event */
  #onWheel(event) {
    // Otherwise the wheel scrolls the page. A pinch on a touchpad is a wheel with Ctrl.
    const zoomsIn = event.deltaY < 0 && document.activeElement === this.frame;
    if (this.scale === null && !event.ctrlKey && !zoomsIn) {
      return;
    }
    event.preventDefault();
    const factor = event.deltaY < 0 ? STEP : 1 / STEP;
    this.zoomTo((this.scale ?? this.fit) * factor, event.clientX, event.clientY);
  }

  /** @param {PointerEvent} event */
  #onDrag(event) {
    if (event.button !== 0 || event.pointerType === "touch" || this.scale === null) {
      return; // a frame that scrolls is dragged by touch anyway
    }
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => {
      this.frame.scrollLeft -= moved.movementX;
      this.frame.scrollTop -= moved.movementY;
    };
    this.frame.addEventListener("pointermove", move);
    const end = () => this.frame.removeEventListener("pointermove", move);
    this.frame.addEventListener("pointerup", end, { once: true });
    this.frame.addEventListener("pointercancel", end, { once: true });
  }
}
