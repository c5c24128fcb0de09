// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import NIOSSL
import XrayProtos

/// A TLS inbound's certificates by name, ready for use, and the authorities by which its clients are proven. Thread-safe.
final class TLSServerPlan: Sendable {
    private struct Certificates {
        var byName: [String: NIOSSLContext] = [:]
        var first: NIOSSLContext
        var count: Int
    }

    private let rejectsUnknownNames: Bool
    private let certificates: FileBacked<Certificates>

    /// - Parameters:
    ///   - alpn: What is agreed on where the settings name no protocols.
    ///   - report: Told of files that were taken into use, or could not be.
    init(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String],
        interval: TimeAmount = CertificateFiles.interval,
        report: @escaping @Sendable (Result<Void, ControlError>) -> Void
    ) throws(ControlError) {
        guard !config.certificate.contains(where: { $0.usage == .authorityIssue }) else {
            throw TLSSettings.unavailable(
                "a certificate with the usage issue", "issue certificates beforehand, and give them as encipherment")
        }
        rejectsUnknownNames = config.rejectUnknownSni
        certificates = try FileBacked(
            paths: CertificateFiles.paths(config.certificate), interval: interval, report: report
        ) { reread throws(ControlError) in
            try Self.load(config, alpn: alpn, reread: reread)
        }
    }

    /// The context for a client that asked for `name` (lower case, may be empty); nil = it is refused.
    func context(for name: String) -> NIOSSLContext? {
        let certificates = certificates.value
        if certificates.count == 1, !rejectsUnknownNames { return certificates.first }
        let found =
            certificates.byName[name] ?? PeerNames.wildcard(for: name).flatMap { certificates.byName[$0] }
        return found ?? (rejectsUnknownNames ? nil : certificates.first)
    }

    private static func load(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String], reread: Bool
    ) throws(ControlError) -> Certificates {
        let authorities = try CertificateFiles.authorities(config.certificate, reread: reread)
        var certificates: Certificates?
        for certificate in config.certificate where certificate.usage == .encipherment {
            let pair = try KeyPair(certificate, reread: reread && !certificate.oneTimeLoading)
            let context = try context(pair, config, alpn: alpn, clientAuthorities: authorities)
            var all = certificates ?? Certificates(first: context, count: 0)
            all.count += 1
            for name in pair.names where all.byName[name] == nil { all.byName[name] = context }
            certificates = all
        }
        guard let certificates else {
            throw ControlError("transport/internet/tls: no certificate for the inbound: certificates are needed")
        }
        return certificates
    }

    private static func context(
        _ pair: KeyPair, _ config: Xray_Transport_Internet_Tls_Config, alpn: [String],
        clientAuthorities: [NIOSSLCertificate]
    ) throws(ControlError) -> NIOSSLContext {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.chain.map { .certificate($0) }, privateKey: .privateKey(pair.key))
        try TLSSettings.apply(config, to: &tls, alpn: alpn)
        if !clientAuthorities.isEmpty {
            // Clients have to show a certificate that one of these has signed, whatever name is in it.
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(clientAuthorities)
            tls.sendCANameList = true
        }
        do {
            return try NIOSSLContext(configuration: tls)
        } catch {
            throw ControlError(
                "transport/internet/tls: the certificate and the key do not go together > \(TLSSettings.text(of: error))"
            )
        }
    }
}
