// Decodes JPEGs with Go's image/jpeg and writes them to stdout as concatenated PPMs.
package main

import (
	"bufio"
	"fmt"
	"image/jpeg"
	"log"
	"os"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, name := range os.Args[1:] {
		file, err := os.Open(name)
		if err != nil {
			log.Fatal(err)
		}
		decoded, err := jpeg.Decode(bufio.NewReader(file))
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		size := decoded.Bounds()
		fmt.Fprintf(out, "P6 %d %d 255\n", size.Dx(), size.Dy())
		for y := size.Min.Y; y < size.Max.Y; y++ {
			for x := size.Min.X; x < size.Max.X; x++ {
				r, g, b, _ := decoded.At(x, y).RGBA()
				out.Write([]byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)})
			}
		}
		file.Close()
	}
}
