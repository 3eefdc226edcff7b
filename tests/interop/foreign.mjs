// A peer of another implementation, js-libp2p: what it tries, and a line of JSON for what comes of each.
//
//   node foreign.mjs '{"packages": DIR, "seed": HEX, "target": MULTIADDR, "key": DHT KEY, "streams": […]}'

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

Promise.withResolvers ??= function () { // Node 20
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const asked = JSON.parse(process.argv[2])
const within = createRequire(`${asked.packages}/package.json`)
const load = name => import(pathToFileURL(resolved(name)).href)

function resolved (name) { // packages that are modules alone have no entry for require
  const [, base, rest] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(name)
  const root = `${asked.packages}/node_modules/${base}`
  const entry = within(`${root}/package.json`).exports[`.${rest ?? ''}`]
  return `${root}/${entry.import}`
}

const { createLibp2p } = await load('libp2p')
const { tcp } = await load('@libp2p/tcp')
const { noise } = await load('@chainsafe/libp2p-noise')
const { yamux } = await load('@chainsafe/libp2p-yamux')
const { identify } = await load('@libp2p/identify')
const { ping } = await load('@libp2p/ping')
const { kadDHT } = await load('@libp2p/kad-dht')
const { generateKeyPairFromSeed } = await load('@libp2p/crypto/keys')
const { multiaddr } = await load('@multiformats/multiaddr')

const SECONDS = 60
const bytes = hex => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16))
const hex = data => Array.from(data, byte => byte.toString(16).padStart(2, '0')).join('')
const say = (step, result) => console.log(JSON.stringify({ step, ...result }))

async function tried (step, attempt) {
  try {
    say(step, { ok: true, ...await attempt() })
  } catch (error) {
    say(step, { ok: false, error: error.name, message: String(error.message).split('\n')[0] })
  }
}

const node = await createLibp2p({
  privateKey: await generateKeyPairFromSeed('Ed25519', bytes(asked.seed)),
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify({ runOnConnectionOpen: false }),
    ping: ping({ maxOutboundStreams: 4 }), // the DHT pings whom it gets to know
    dht: kadDHT({
      protocol: '/ipfs/kad/1.0.0',
      clientMode: true,
      peerInfoMapper: peer => peer,
      validators: { peerd: async () => {} },
      selectors: { peerd: () => 0 }
    })
  }
})
const deadline = () => ({ signal: AbortSignal.timeout(SECONDS * 1000) })
const target = multiaddr(asked.target)
let connection

// What is sent on a stream of a group's protocol, and whether the other side ends it.
async function answered (protocol, sent) {
  const stream = await connection.newStream(protocol, deadline())
  const gone = new Promise(resolve => {
    stream.addEventListener('close', event => resolve(event.error))
    stream.addEventListener('remoteCloseWrite', () => resolve())
  })
  let received = 0
  stream.addEventListener('message', event => { received += event.data.byteLength })
  stream.send(bytes(sent))
  const late = new Promise(resolve => setTimeout(resolve, SECONDS * 1000, 'still open').unref())
  const error = await Promise.race([gone, late])
  return { received, ended: error === 'still open' ? error : error?.name ?? 'closed' }
}

say('peer', { id: node.peerId.toString() })
await tried('dial', async () => {
  connection = await node.dial(target, deadline())
  return { encryption: connection.encryption, multiplexer: connection.multiplexer }
})
if (connection !== undefined) {
  await tried('identify', async () => {
    const found = await node.services.identify.identify(connection, deadline())
    return { agent: found.agentVersion, protocols: found.protocols }
  })
  await tried('ping', async () => ({ milliseconds: await node.services.ping.ping(target, deadline()) }))
  await tried('dht', async () => {
    for await (const event of node.services.dht.get(new TextEncoder().encode(asked.key), deadline())) {
      if (event.name === 'VALUE') return { from: event.from.toString(), value: hex(event.value) }
    }
    throw new Error('nobody has a value')
  })
  for (const [step, protocol, sent] of asked.streams) {
    await tried(step, async () => await answered(protocol, sent))
  }
  await tried('open', async () => ({ status: connection.status }))
}
await node.stop()
process.exit(0)
