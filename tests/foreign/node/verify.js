// Checks proofs against the checkpoint of a folder, with @transmute/rfc9162: an implementation of RFC
// 9162 that knows nothing of the ledger.
//
//   node verify.js FOLDER inclusion TLOG-PROOF…
//   node verify.js FOLDER consistency EARLIER-CHECKPOINT HASHES
//
// The record that a proof is for is read from the folder. HASHES has a consistency proof, a hash in
// base64 a line. Signatures are not checked here. Exit code 1 says what does not hold.
'use strict'

const fs = require('fs')
const path = require('path')
const { RFC9162 } = require('@transmute/rfc9162')

const WIDTH = 256

const hash = (line) => {
  const bytes = Buffer.from(line, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== line) throw new Error(`no hash: ${line}`)
  return new Uint8Array(bytes)
}

// Origin, size and root of a checkpoint, a line each.
const checkpoint = (text) => {
  const said = text.split('\n').slice(0, 3)
  return { said: said.join(), origin: said[0], size: Number(said[1]), root: hash(said[2]) }
}

// The path of the bundle that a record is in: tile/entries/x001/234.p/56.
const bundlePath = (index, size) => {
  const bundle = Math.floor(index / WIDTH)
  const groups = [String(bundle % 1000).padStart(3, '0')]
  for (let rest = Math.floor(bundle / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift('x' + String(rest % 1000).padStart(3, '0'))
  }
  const full = (bundle + 1) * WIDTH <= size
  return path.join('tile', 'entries', ...groups) + (full ? '' : `.p/${size % WIDTH}`)
}

// A record of the folder: in its bundle, each follows its length, two bytes.
const record = (folder, index, size) => {
  const bundle = fs.readFileSync(path.join(folder, bundlePath(index, size)))
  let at = 0
  for (let skip = index % WIDTH; skip > 0; skip -= 1) at += 2 + bundle.readUInt16BE(at)
  return new Uint8Array(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)))
}

const inclusion = async (folder, signed, file) => {
  const [head, ...note] = fs.readFileSync(file, 'utf8').split('\n\n')
  const [format, ...lines] = head.split('\n').filter((line) => !line.startsWith('extra '))
  const [name, index] = lines[0].split(' ')
  if (format !== 'c2sp.org/tlog-proof@v1' || name !== 'index') throw new Error('no proof')
  if (checkpoint(note.join('\n\n')).said !== signed.said) {
    throw new Error('it is a proof of another checkpoint than that of the folder')
  }
  const leaf = await RFC9162.leaf(record(folder, Number(index), signed.size))
  const proof = {
    log_id: signed.origin,
    tree_size: signed.size,
    leaf_index: Number(index),
    inclusion_path: lines.slice(1).map(hash)
  }
  return RFC9162.verifyInclusionProof(signed.root, leaf, proof)
}

const consistency = async (signed, earlierFile, hashes) => {
  const earlier = checkpoint(fs.readFileSync(earlierFile, 'utf8'))
  const proof = {
    log_id: signed.origin,
    tree_size_1: earlier.size,
    tree_size_2: signed.size,
    consistency_path: fs.readFileSync(hashes, 'utf8').trimEnd().split('\n').map(hash)
  }
  return RFC9162.verifyConsistencyProof(earlier.root, signed.root, proof)
}

const main = async ([folder, what, ...files]) => {
  const signed = checkpoint(fs.readFileSync(path.join(folder, 'checkpoint'), 'utf8'))
  const proofs = what === 'inclusion' ? files : files.slice(1)
  for (const file of proofs) {
    const holds = what === 'inclusion'
      ? await inclusion(folder, signed, file)
      : await consistency(signed, files[0], file)
    if (!holds) throw new Error(`${file} proves nothing`)
  }
  console.log(`${proofs.length} proofs hold against ${signed.size} records of ${signed.origin}`)
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`refused: ${error.message}`)
  process.exitCode = 1
})
