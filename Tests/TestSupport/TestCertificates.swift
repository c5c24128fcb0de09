// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Certificates for tests, made by `openssl` when they are first needed: an authority (`authority.pem`), and from it
/// `server.pem` for proxy.example and *.wild.example, `other.pem` for other.example, `client.pem`, each with a `.key`; and
/// `stranger.pem`, which signed itself.
package struct TestCertificates: Sendable {
    package let folder: URL

    private static let made = Result { try make() }

    package static func shared() throws -> TestCertificates { try made.get() }

    private static func make() throws -> TestCertificates {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("certificates-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let certificates = TestCertificates(folder: folder)
        try certificates.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj",
            "/CN=Test Authority", "-keyout", "authority.key", "-out", "authority.pem", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
        try certificates.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=Stranger", "-keyout", "stranger.key", "-out", "stranger.pem")
        try certificates.issue("server", names: ["DNS:proxy.example", "DNS:*.wild.example", "IP:127.0.0.1"])
        try certificates.issue("other", names: ["DNS:other.example"])
        try certificates.issue("client", names: ["DNS:client.example"])
        atexit {
            if let certificates = try? TestCertificates.made.get() {
                try? FileManager.default.removeItem(at: certificates.folder)
            }
        }
        return certificates
    }

    /// Makes `NAME.pem` and `NAME.key`, signed by the authority.
    package func issue(_ name: String, names: [String]) throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout",
            "\(name).key", "-out", "\(name).csr")
        try "subjectAltName=\(names.joined(separator: ","))\n"
            .write(to: folder.appendingPathComponent("\(name).ext"), atomically: true, encoding: .utf8)
        try openssl(
            "x509", "-req", "-in", "\(name).csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial",
            "-days", "30", "-extfile", "\(name).ext", "-out", "\(name).pem")
    }

    /// The SHA-256 of a certificate, in hexadecimal digits.
    package func fingerprint(_ name: String) throws -> String {
        let text = try openssl("x509", "-in", "\(name).pem", "-noout", "-fingerprint", "-sha256")
        return text.split(separator: "=").last.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? ""
    }

    package func path(_ file: String) -> String { folder.appendingPathComponent(file).path }

    @discardableResult
    private func openssl(_ arguments: String...) throws -> String {
        let result = try CommandResult.of(URL(filePath: "/usr/bin/env"), ["openssl"] + arguments, in: folder)
        guard result.status == 0 else {
            throw Failure("openssl \(arguments.joined(separator: " ")): \(result.errors)")
        }
        return result.output
    }
}
