// The lungs' outline out of their mask, as the path of an SVG that stays sharp however it is zoomed.

const SIZE = 256;

// Traces the borders of a mask's white parts; a path in units of the mask's own share, 0 to 1.
export function outline(image) {
  const scale = Math.min(1, SIZE / Math.max(image.naturalWidth, image.naturalHeight));
  const width = Math.max(1, Math.round(image.naturalWidth * scale));
  const height = Math.max(1, Math.round(image.naturalHeight * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[4 * (y * width + x)] > 127;
  return chains(borders(inside, width, height), width + 1).map((chain) => path(chain, width, height)).join("");
}

// Sides of pixels between inside and outside, each with the inside on its right: from -> to.
function borders(inside, width, height) {
  const next = new Map();
  const stride = width + 1;
  const add = (x0, y0, x1, y1) => {
    const from = y0 * stride + x0;
    if (!next.has(from)) next.set(from, []);
    next.get(from).push(y1 * stride + x1);
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) add(x, y, x + 1, y);
      if (!inside(x + 1, y)) add(x + 1, y, x + 1, y + 1);
      if (!inside(x, y + 1)) add(x + 1, y + 1, x, y + 1);
      if (!inside(x - 1, y)) add(x, y + 1, x, y);
    }
  }
  return next;
}

function chains(next, stride) {
  const found = [];
  for (const start of next.keys()) {
    while (next.get(start).length) {
      const chain = [];
      for (let at = start; next.get(at)?.length;) {
        chain.push([at % stride, Math.floor(at / stride)]);
        at = next.get(at).pop();
      }
      found.push(chain);
    }
  }
  return found;
}

// Steps of single pixels become a smooth line: means over neighbours, of which a third is kept.
function path(chain, width, height) {
  const reach = 3;
  const count = chain.length;
  const points = [];
  for (let at = 0; at < count; at += reach) {
    let x = 0;
    let y = 0;
    for (let step = -reach; step <= reach; step += 1) {
      const point = chain[(at + step + count * reach) % count];
      x += point[0];
      y += point[1];
    }
    points.push(`${(x / (2 * reach + 1) / width).toFixed(5)} ${(y / (2 * reach + 1) / height).toFixed(5)}`);
  }
  return `M${points.join("L")}Z`;
}
