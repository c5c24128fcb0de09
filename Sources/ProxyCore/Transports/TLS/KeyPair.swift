// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOSSL
import XrayProtos

/// A certificate chain with its key, from the bytes in the settings or from the files that they name.
struct KeyPair {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    /// The host names that the certificate is for, in lower case; `*.example.com` stands for one label.
    let names: [String]

    /// - Parameter reread: Take the files' present contents, and not those that came with the settings.
    init(_ config: Xray_Transport_Internet_Tls_Certificate, reread: Bool = false) throws(ControlError) {
        let certificate = try CertificateFiles.contents(config.certificate, config.certificatePath, reread: reread)
        let keyText = try CertificateFiles.contents(config.key, config.keyPath, reread: reread)
        let name = config.certificatePath.isEmpty ? "the certificate" : config.certificatePath
        do {
            chain = try NIOSSLCertificate.fromPEMBytes([UInt8](certificate))
            key = try NIOSSLPrivateKey(bytes: [UInt8](keyText), format: .pem)
        } catch {
            throw ControlError(
                "transport/internet/tls: invalid X509 key pair: \(name) > \(TLSSettings.text(of: error))")
        }
        guard let leaf = chain.first else {
            throw ControlError("transport/internet/tls: invalid X509 key pair: \(name) holds no certificate")
        }
        names = PeerNames.hostNames(of: leaf)
    }
}
