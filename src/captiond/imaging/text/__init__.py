"""The caption: text to lines, glyphs and the strip."""
