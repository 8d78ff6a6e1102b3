// Files that were dropped or chosen, and what of them can be sent: told before anything is.

const READ_AT_ONCE = 16;

// All files below what was dropped, as {file, name}; folders are walked.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

async function walk(entry, folder) {
  const name = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise((done, failed) => entry.file(done, failed)), name }];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives at most 100 entries a time
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((child) => walk(child, `${name}/`)))).flat();
}

export const chosen = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

const hidden = (name) => name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX" || part === "Thumbs.db" || part === "DICOMDIR");

// What a file is by its first bytes: jpeg, png, dicom, archive, or "" for anything else.
async function kindOf(file) {
  const head = new Uint8Array(await file.slice(0, 264).arrayBuffer());
  const starts = (...bytes) => bytes.every((byte, at) => head[at] === byte);
  const text = (from, to) => String.fromCharCode(...head.subarray(from, to));
  if (starts(0xff, 0xd8, 0xff)) return "jpeg";
  if (starts(0x89, 0x50, 0x4e, 0x47)) return "png";
  if (text(128, 132) === "DICM") return "dicom";
  if (starts(0x50, 0x4b, 3, 4) || starts(0x1f, 0x8b) || starts(0x28, 0xb5, 0x2f, 0xfd) || text(257, 262) === "ustar") return "archive";
  return "";
}

// Adds `kind` and `problem` (a code, or "") to each file that is not the system's own.
export async function checked(files, limits) {
  const kept = files.filter(({ name }) => !hidden(name)).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  for (let at = 0; at < kept.length; at += READ_AT_ONCE) {
    await Promise.all(kept.slice(at, at + READ_AT_ONCE).map(async (one) => Object.assign(one, await judge(one, limits))));
  }
  return kept;
}

async function judge({ file, name }, limits) {
  if (!file.size) return { kind: "", problem: "empty_file" };
  const kind = await kindOf(file).catch(() => "");
  // Old DICOM files have no head; the service looks closer.
  if (!kind) return /\.(dcm|dicom)$/i.test(name) ? { kind: "dicom", problem: "" } : { kind, problem: "unsupported_format" };
  const most = kind === "archive" ? limits.upload.bytes : limits.film.bytes;
  return { kind, problem: file.size > most ? "too_large" : "" };
}
