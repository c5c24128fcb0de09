// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOSSL
import XrayProtos

/// The files that certificates of the settings stand in.
enum CertificateFiles {
    /// How old what is known of them may be.
    static let interval = TimeAmount.seconds(5)

    typealias Certificate = Xray_Transport_Internet_Tls_Certificate

    /// Those that are to be watched.
    static func paths(_ certificates: [Certificate]) -> [String] {
        certificates.filter { !$0.oneTimeLoading }.flatMap { [$0.certificatePath, $0.keyPath] }.filter { !$0.isEmpty }
    }

    /// The authorities among the certificates, by which the other side is proven.
    static func authorities(_ certificates: [Certificate], reread: Bool) throws(ControlError) -> [NIOSSLCertificate] {
        var authorities: [NIOSSLCertificate] = []
        for certificate in certificates where certificate.usage == .authorityVerify {
            let name = certificate.certificatePath.isEmpty ? "the certificate" : certificate.certificatePath
            let text = try contents(
                certificate.certificate, certificate.certificatePath, reread: reread && !certificate.oneTimeLoading)
            do {
                let found = try NIOSSLCertificate.fromPEMBytes([UInt8](text))
                guard !found.isEmpty else { throw ControlError("it holds no certificate") }
                authorities += found
            } catch {
                throw ControlError(
                    "transport/internet/tls: failed to append cert: \(name) > \(TLSSettings.text(of: error))")
            }
        }
        return authorities
    }

    static func contents(_ given: Data, _ path: String, reread: Bool) throws(ControlError) -> Data {
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
