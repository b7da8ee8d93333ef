// Decodes JPEGs with jpeg-js and writes them to stdout as concatenated PPMs.
const fs = require("fs");
const jpeg = require("jpeg-js");

for (const file of process.argv.slice(2)) {
  const { width, height, data } = jpeg.decode(fs.readFileSync(file), { useTArray: true, formatAsRGBA: false });
  fs.writeSync(1, `P6 ${width} ${height} 255\n`);
  for (let at = 0; at < data.length; ) {
    at += fs.writeSync(1, data, at);
  }
}
