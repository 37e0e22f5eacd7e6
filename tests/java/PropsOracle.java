// What java.util.Properties itself reads from a file: the judge of the properties editor.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests on stdin: 'L' (bytes, ISO-8859-1) or 'U' (a UTF-8 reader), length (4 bytes,
// big endian), text. Answers on stdout: 'O', number of keys, and for each key and value
// length and UTF-8 bytes; 'E' when load() throws; 'W' when a key or value holds a NUL
// or half a surrogate pair, which the editor refuses on purpose.
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

public class PropsOracle {
    private static boolean refused(String s) {
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == 0 || Character.isLowSurrogate(c))
                return true;
            if (Character.isHighSurrogate(c) && (++i == s.length() || !Character.isLowSurrogate(s.charAt(i))))
                return true;
        }
        return false;
    }

    private static void put(DataOutputStream out, String s) throws IOException {
        byte[] b = s.getBytes(StandardCharsets.UTF_8);
        out.writeInt(b.length);
        out.write(b);
    }

    private static void answer(DataOutputStream out, Properties p) throws IOException {
        for (String key : p.stringPropertyNames())
            if (refused(key) || refused(p.getProperty(key))) {
                out.writeByte('W');
                return;
            }
        out.writeByte('O');
        out.writeInt(p.size());
        for (String key : p.stringPropertyNames()) {
            put(out, key);
            put(out, p.getProperty(key));
        }
    }

    // Also earlier duplicates count for the editor's refusal, so they are all looked at.
    private static class Watching extends Properties {
        private static final long serialVersionUID = 1L;
        boolean refused;

        @Override
        public synchronized Object put(Object key, Object value) {
            refused |= refused((String) key) || refused((String) value);
            return super.put(key, value);
        }

        private static boolean refused(String s) {
            return PropsOracle.refused(s);
        }
    }

    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        for (int kind; (kind = in.read()) >= 0; out.flush()) {
            byte[] text = new byte[in.readInt()];
            in.readFully(text);
            Watching p = new Watching();
            try {
                if (kind == 'L')
                    p.load(new ByteArrayInputStream(text));
                else
                    p.load(new InputStreamReader(new ByteArrayInputStream(text), StandardCharsets.UTF_8));
            } catch (IllegalArgumentException e) {
                out.writeByte('E');
                continue;
            }
            if (p.refused)
                out.writeByte('W');
            else
                answer(out, p);
        }
    }
}
