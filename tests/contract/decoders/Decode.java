// Decodes JPEGs with Java's ImageIO and writes them to stdout as concatenated PPMs.
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
            BufferedImage image = ImageIO.read(new File(file));
            int width = image.getWidth(), height = image.getHeight(), bands = image.getRaster().getNumBands();
            // Raw samples: getRGB would interpret those of a grey image as linear light.
            int[] samples = image.getRaster().getPixels(0, 0, width, height, (int[]) null);
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
