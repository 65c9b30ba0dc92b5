import com.google.protobuf.ByteString;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import judgement.ledger.v1.TrailRecord;

/** What proves that a record is in the ledger: a fold of hashes, and a signed note. */
class Proof {
    /** The root to which a proof leads; null if it fits no such tree. (RFC 9162 §2.1.3.2) */
    static ByteString fold(byte[] record, TrailRecord proof, long size)
            throws GeneralSecurityException {
        var index = proof.getPosition() - 1;
        var last = size - 1;
        if (index > last) return null;
        var hash = sha256(new byte[] {0}, record);
        for (var it : proof.getHashesList()) {
            var sibling = it.toByteArray();
            if (last == 0) return null;
            if (index % 2 == 1 || index == last) {
                hash = sha256(new byte[] {1}, sibling, hash);
                for (; index % 2 == 0 && index != 0; index /= 2) last /= 2;
            } else {
                hash = sha256(new byte[] {1}, hash, sibling);
            }
            index /= 2;
            last /= 2;
        }
        return last == 0 ? ByteString.copyFrom(hash) : null;
    }

    static byte[] sha256(byte[]... parts) throws GeneralSecurityException {
        var digest = MessageDigest.getInstance("SHA-256");
        for (var part : parts) digest.update(part);
        return digest.digest();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] decoded(String base64) {
        return Base64.getDecoder().decode(base64);
    }

    /** Whether a text is signed by the key {@code NAME+ID+BASE64}. (c2sp.org/signed-note) */
    static boolean signed(String text, List<String> signatures, String vkey)
            throws GeneralSecurityException {
        var parts = vkey.split("\\+", 3);
        var key = decoded(parts[2]);
        if (key.length != 33 || key[0] != 1) throw new KeyException("the key is not of Ed25519");
        var id = Arrays.copyOf(sha256(utf8(parts[0] + "\n"), key), 4);
        if (!HexFormat.of().formatHex(id).equals(parts[1]))
            throw new KeyException("the key has another id than it says");
        for (var line : signatures) {
            var words = line.split(" "); // Others may have signed it, too.
            if (!words[0].equals("—") || !words[1].equals(parts[0])) continue;
            var signature = decoded(words[2]);
            if (!Arrays.equals(id, Arrays.copyOf(signature, 4))) continue;
            var verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(ed25519(Arrays.copyOfRange(key, 1, 33)));
            verifier.update(utf8(text));
            if (verifier.verify(signature, 4, signature.length - 4)) return true;
        }
        return false;
    }

    /** A key of 32 bytes as Java takes it: behind what X.509 says of Ed25519. (RFC 8410) */
    static PublicKey ed25519(byte[] key) throws GeneralSecurityException {
        var encoded = "302a300506032b6570032100" + HexFormat.of().formatHex(key);
        return KeyFactory.getInstance("Ed25519")
                .generatePublic(new X509EncodedKeySpec(HexFormat.of().parseHex(encoded)));
    }
}
