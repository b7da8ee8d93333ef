"""The JPEG format (ITU-T T.81): segments, Huffman coding, blocks."""
