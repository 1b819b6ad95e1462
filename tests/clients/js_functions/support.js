// What the tests of functions share: the functions of ../functions and ../ric as the config has them,
// and as zip files with the packages that they need, which is how their authors deploy them.
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, zip } from "../js_lambda/support.js";

const clients = join(dirname(fileURLToPath(import.meta.url)), "..");

function add(files, folder, below, leave = () => false) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name), name = below + entry.name;
    if (leave(name)) continue;
    if (entry.isDirectory()) add(files, path, name + "/", leave);
    else files[name] = readFileSync(path);
  }
}

// A package of node_modules with all that it depends on.
function addPackage(files, name, optional = false) {
  const below = `node_modules/${name}/`;
  if (files[below + "package.json"]) return;
  let text;
  try {
    text = readFileSync(join(clients, below, "package.json"));
  } catch (error) {
    if (optional && error.code === "ENOENT") return;
    throw error;
  }
  add(files, join(clients, below), below, (path) => /\.(md|map|d\.ts)$|^LICENSE/.test(path));
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text);
  for (const one of Object.keys(dependencies)) {
    if (!files[`${below}node_modules/${one}/package.json`]) addPackage(files, one);
  }
  for (const one of Object.keys(optionalDependencies)) addPackage(files, one, true);
}

const packed = new Map();

// The zip file of one file of ../functions.
export function functionZip(file, ...packages) {
  const known = packed.get(file);
  if (known) return known;
  const files = { [file]: readFileSync(join(clients, "functions", file)) };
  for (const name of packages) addPackage(files, name);
  packed.set(file, zip(files));
  return packed.get(file);
}

// That of ../ric: of its packages only AWS's client itself is needed when it runs.
export function ricZip() {
  const files = { "index.mjs": readFileSync(join(clients, "ric/index.mjs")) };
  for (const folder of ["bin", "dist"]) {
    const below = `node_modules/aws-lambda-ric/${folder}/`;
    add(files, join(clients, "ric", below), below);
  }
  files["node_modules/aws-lambda-ric/package.json"] =
    readFileSync(join(clients, "ric/node_modules/aws-lambda-ric/package.json"));
  return zip(files);
}

export const ricClient = realpathSync(join(clients, "ric/node_modules/aws-lambda-ric/bin/index.mjs"));

export const make = (t, ZipFile, Handler, more = {}) =>
  create(t, { Code: { ZipFile }, Handler, ...more });
