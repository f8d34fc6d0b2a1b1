// Runs a program for wasm32-wasip1 under Node. `proxy_*` imports are Envoy's: the program links the filter's core and
// never calls them.
import { readFile } from "node:fs/promises";
import { argv } from "node:process";
import { WASI } from "node:wasi";

const [, , file, ...rest] = argv;
const wasi = new WASI({ version: "preview1", args: [file, ...rest] });
const module = await WebAssembly.compile(await readFile(file));
const imports = wasi.getImportObject();
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= {};
  imports[from][name] ??= () => {
    throw new Error(`${from}.${name} was called, which only Envoy has`);
  };
}
const { exports } = await WebAssembly.instantiate(module, imports);
wasi.start({ exports: { memory: exports.memory, _start: exports._start } });
