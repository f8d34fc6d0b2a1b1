// Starts the server of the suite on the loopback interface alone; by itself it listens on all.
//
//   node server.mjs SERVER.MJS

import { Server } from 'node:net'
import { pathToFileURL } from 'node:url'

const listen = Server.prototype.listen
Server.prototype.listen = function (port) { return listen.call(this, port, '127.0.0.1') }

await import(pathToFileURL(process.argv[2]))
