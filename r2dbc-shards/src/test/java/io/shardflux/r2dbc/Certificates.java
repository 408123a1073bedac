package io.shardflux.r2dbc;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.CertificateBuilder.KeyUsage;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/** An authority of the tests' own, and what it signs, as PEM files in a folder. */
public final class Certificates {

  private static final String ENCRYPTION = "PBEWithHmacSHA256AndAES_256";

  private final Path folder;
  private final X509Bundle authority;

  public Certificates(Path folder) throws Exception {
    this.folder = folder;
    this.authority = authority("shardflux tests");
    write("ca.pem", authority.getCertificatePEM());
    write("other-ca.pem", authority("somebody else").getCertificatePEM());
  }

  /** Signs {@code <name>.pem}, with its key in {@code <name>-key.pem}. */
  public X509Bundle sign(String name, String... hosts) throws Exception {
    CertificateBuilder builder = new CertificateBuilder().rsa2048().subject("CN=" + name);
    for (String host : hosts) {
      builder.addSanDnsName(host);
    }
    X509Bundle signed = builder.buildIssuedBy(authority);
    write(name + ".pem", signed.getCertificatePEM());
    write(name + "-key.pem", signed.getPrivateKeyPEM());
    return signed;
  }

  /** The file's path. */
  String file(String name) {
    return folder.resolve(name).toString();
  }

  public void writeEncrypted(String name, PrivateKey key, String password)
      throws GeneralSecurityException, IOException {
    SecretKey secret =
        SecretKeyFactory.getInstance(ENCRYPTION)
            .generateSecret(new PBEKeySpec(password.toCharArray()));
    Cipher cipher = Cipher.getInstance(ENCRYPTION);
    cipher.init(Cipher.ENCRYPT_MODE, secret);
    byte[] encrypted = cipher.doFinal(key.getEncoded());
    // Under its general name, as not every JDK has an identifier for the cipher's own.
    AlgorithmParameters parameters = AlgorithmParameters.getInstance("PBES2");
    parameters.init(cipher.getParameters().getEncoded());
    byte[] info = new EncryptedPrivateKeyInfo(parameters, encrypted).getEncoded();
    String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(info);
    write(
        name,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
            + text
            + "\n-----END ENCRYPTED PRIVATE KEY-----\n");
  }

  public void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text, StandardCharsets.US_ASCII);
  }

  private static X509Bundle authority(String name) throws Exception {
    return new CertificateBuilder()
        .rsa2048()
        .subject("CN=" + name)
        .setKeyUsage(true, KeyUsage.keyCertSign)
        .setIsCertificateAuthority(true)
        .buildSelfSigned();
  }
}
