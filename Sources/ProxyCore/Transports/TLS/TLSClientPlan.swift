// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOSSL
import ProxyModel
import XrayProtos

/// How a TLS outbound proves its server, and what it says in its hello. Made once; thread-safe.
struct TLSClientPlan: Sendable {
    private let context: FileBacked<NIOSSLContext>
    let serverName: String
    private let names: [String]
    private let pins: Set<Data>

    /// - Parameters:
    ///   - alpn: What is offered where the settings name no protocols.
    ///   - report: Told of files that were taken into use, or could not be.
    init(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String],
        interval: TimeAmount = CertificateFiles.interval,
        report: @escaping @Sendable (Result<Void, ControlError>) -> Void = { _ in }
    ) throws(ControlError) {
        serverName = config.serverName
        names = config.verifyPeerCertByName
        pins = Set(config.pinnedPeerCertSha256)
        context = try FileBacked(
            paths: CertificateFiles.paths(config.certificate), interval: interval, report: report
        ) { reread throws(ControlError) in
            try Self.load(config, alpn: alpn, reread: reread)
        }
    }

    private static func load(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String], reread: Bool
    ) throws(ControlError) -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        try TLSSettings.apply(config, to: &tls, alpn: alpn)
        // Names are compared here: the library would take the address that was dialled for the name that was asked for.
        tls.certificateVerification = .noHostnameVerification
        if config.disableSystemRoot { tls.trustRoots = .certificates([]) }
        for certificate in config.certificate {
            switch certificate.usage {
            case .encipherment:
                // The last one wins.
                let pair = try KeyPair(certificate, reread: reread && !certificate.oneTimeLoading)
                tls.certificateChain = pair.chain.map { .certificate($0) }
                tls.privateKey = .privateKey(pair.key)
            case .authorityVerify:
                break
            case .authorityIssue, .UNRECOGNIZED:
                throw TLSSettings.unavailable("a certificate with the usage issue", "it is for inbounds")
            }
        }
        let authorities = try CertificateFiles.authorities(config.certificate, reread: reread)
        if !authorities.isEmpty { tls.additionalTrustRoots.append(.certificates(authorities)) }
        do {
            return try NIOSSLContext(configuration: tls)
        } catch {
            throw ControlError("transport/internet/tls: unusable settings > \(TLSSettings.text(of: error))")
        }
    }

    var currentContext: NIOSSLContext { context.value }

    /// Adds the layer for a connection to `target`, which lends its name where the settings have none.
    /// - Throws: For a name that cannot stand in a hello.
    func install(on pipeline: ChannelPipeline.SynchronousOperations, target: Address) throws {
        let name = serverName.isEmpty ? "\(target)" : serverName
        // RFC 6066 section 3: addresses are not sent.
        let hello = IPAddress(name) == nil ? ServerName.normalized(name) : nil
        let names = names.isEmpty ? [name] : names
        guard pins.isEmpty else {
            let server = PinnedServer(pins: pins, names: names)
            let handler = try NIOSSLClientHandler(
                context: currentContext, serverHostname: hello,
                customVerificationCallback: { chain, promise in
                    promise.succeed(server.isProven(by: chain) ? .certificateVerified : .failed)
                }, configuration: TLSSettings.handler)
            try pipeline.addHandler(handler)
            try pipeline.addHandler(TLSCeiling(info: nil))
            return
        }
        let handler = try NIOSSLClientHandler(
            context: currentContext, serverHostname: hello, configuration: TLSSettings.handler)
        try pipeline.addHandler(handler)
        try pipeline.addHandler(TLSCeiling(info: nil) { Self.fault(of: handler.peerCertificate, names) })
    }

    /// Why a certificate that a known authority signed is not the server's; nil = it is.
    private static func fault(of certificate: NIOSSLCertificate?, _ names: [String]) -> TransportFailure? {
        guard let certificate else { return TransportFailure("TLS certificate refused", "the server has none") }
        guard !names.contains(where: { PeerNames.matches(certificate, $0) }) else { return nil }
        let given = PeerNames.hostNames(of: certificate).joined(separator: ", ")
        return TransportFailure(
            "TLS certificate refused", "it is for \(given), not for \(names.joined(separator: ", "))")
    }
}
