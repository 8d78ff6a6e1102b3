// Many files as one zip, stored as they are: a Blob of references, so that nothing is copied.
// APPNOTE.TXT 4.3 and 4.5.3 (zip64, for what lies beyond 4 GiB or 65,535 entries).

const TABLE = new Uint32Array(256).map((_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const CHUNK = 1 << 20;
const UTF8 = 0x0800;
const MOST_ENTRIES = 0xffff;
const MOST_BYTES = 0xffffffff;

export async function crc32(file) {
  let crc = 0xffffffff;
  for (let at = 0; at < file.size; at += CHUNK) {
    for (const byte of new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer())) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

// Numbers of 2, 4 or 8 bytes, little-endian: record([value, size], ...).
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, size]) => sum + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return view.buffer;
}

// The archive, and where each file ends in it. `onread` hears how many bytes have been read.
export async function zipOf(files, { onread = () => {}, mostBytes = MOST_BYTES, mostEntries = MOST_ENTRIES } = {}) {
  const parts = [];
  const central = [];
  const ends = [];
  let offset = 0;
  let read = 0;
  for (const { file, name } of files) {
    const path = new TextEncoder().encode(name);
    const crc = await crc32(file);
    const common = [[UTF8, 2], [0, 2], [0, 2], [0x21, 2], [crc, 4], [file.size, 4], [file.size, 4], [path.length, 2]];
    const far = offset >= mostBytes;
    const extra = far ? record([1, 2], [8, 2], [offset, 8]) : new ArrayBuffer(0);
    parts.push(record([0x04034b50, 4], [20, 2], ...common, [0, 2]), path, file);
    central.push(record([0x02014b50, 4], [0x0300 + 45, 2], [far ? 45 : 20, 2], ...common, [extra.byteLength, 2], [0, 2], [0, 2], [0, 2], [0, 4], [far ? MOST_BYTES : offset, 4]), path, extra);
    offset += 30 + path.length + file.size;
    ends.push(offset);
    read += file.size;
    onread(read);
  }
  const directory = new Blob(central);
  parts.push(directory, ending(files.length, directory.size, offset, mostEntries, mostBytes));
  return { blob: new Blob(parts), ends };
}

function ending(count, size, offset, mostEntries, mostBytes) {
  const far = count >= mostEntries || offset >= mostBytes;
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [far ? MOST_ENTRIES : count, 2], [far ? MOST_ENTRIES : count, 2], [far ? MOST_BYTES : size, 4], [far ? MOST_BYTES : offset, 4], [0, 2]);
  if (!far) return new Blob([end]);
  const whole = record([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [count, 8], [count, 8], [size, 8], [offset, 8]);
  const locator = record([0x07064b50, 4], [0, 4], [offset + size, 8], [1, 4]);
  return new Blob([whole, locator, end]);
}
