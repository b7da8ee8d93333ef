"""The JPEG format (ITU-T T.81): segments, headers, entropy coding, blocks and MCUs."""
