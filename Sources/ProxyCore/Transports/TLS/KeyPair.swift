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
        let certificate = try Self.contents(config.certificate, config.certificatePath, reread: reread)
        let keyText = try Self.contents(config.key, config.keyPath, reread: reread)
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

    private static func contents(_ given: Data, _ path: String, reread: Bool) throws(ControlError) -> Data {
        guard !path.isEmpty, reread || given.isEmpty else { return given }
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw ControlError("transport/internet/tls: the file cannot be read: \(path)")
        }
    }
}

/// Which version of some files there is, by what the file system tells of them.
struct FileVersions: Equatable {
    private struct Version: Equatable {
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private let versions: [Version?]

    init(_ paths: [String]) {
        versions = paths.map { path in
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            return Version(
                inode: UInt64(info.st_ino), size: Int64(info.st_size), seconds: info.st_mtim.tv_sec,
                nanoseconds: info.st_mtim.tv_nsec)
        }
    }
}
