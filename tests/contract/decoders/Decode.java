// Decodes JPEGs with Java's ImageIO and writes them to standard output, one PPM after another.
import java.awt.image.BufferedImage;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import javax.imageio.ImageIO;

public class Decode {
    public static void main(String[] files) throws Exception {
        OutputStream out = new BufferedOutputStream(System.out);
        for (String file : files) {
            BufferedImage picture = ImageIO.read(new File(file));
            int width = picture.getWidth(), height = picture.getHeight(), bands = picture.getRaster().getNumBands();
            // The samples as they are: getRGB would take a grey picture's for linear light.
            int[] samples = picture.getRaster().getPixels(0, 0, width, height, (int[]) null);
            out.write(("P6 " + width + " " + height + " 255\n").getBytes(StandardCharsets.US_ASCII));
            for (int at = 0; at < samples.length; at += bands) {
                for (int band = 0; band < 3; band++) {
                    out.write(samples[at + band % bands]);
                }
            }
        }
        out.flush();
    }
}
