// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Crypto
import Foundation
import NIOCore
import NIOSSL
import ProxyModel
import XrayProtos

/// How a TLS outbound proves its server, and what it says in its hello. Made once; thread-safe.
struct TLSClientPlan: Sendable {
    private let context: NIOSSLContext
    let serverName: String
    private let names: [String]
    private let pins: Set<Data>

    /// - Parameter alpn: What is offered where the settings name no protocols.
    init(_ config: Xray_Transport_Internet_Tls_Config, alpn: [String]) throws(ControlError) {
        serverName = config.serverName
        names = config.verifyPeerCertByName
        pins = Set(config.pinnedPeerCertSha256)
        var tls = TLSConfiguration.makeClientConfiguration()
        try TLSSettings.apply(config, to: &tls, alpn: alpn)
        // Names are compared here: the library would take the address that was dialled for the name that was asked for.
        tls.certificateVerification = .noHostnameVerification
        if config.disableSystemRoot { tls.trustRoots = .certificates([]) }
        for certificate in config.certificate {
            switch certificate.usage {
            case .encipherment:
                // The last one wins; the original lets the server's request choose.
                let pair = try KeyPair(certificate)
                tls.certificateChain = pair.chain.map { .certificate($0) }
                tls.privateKey = .privateKey(pair.key)
            case .authorityVerify:
                tls.additionalTrustRoots.append(.certificates(try Self.authorities(certificate)))
            case .authorityIssue, .UNRECOGNIZED:
                throw TLSSettings.unavailable("a certificate with the usage issue", "it is for inbounds")
            }
        }
        do {
            context = try NIOSSLContext(configuration: tls)
        } catch {
            throw ControlError("transport/internet/tls: unusable settings > \(TLSSettings.text(of: error))")
        }
    }

    /// Adds the layer for a connection to `target`, which lends its name where the settings have none.
    /// - Throws: For a name that cannot stand in a hello.
    func install(on pipeline: ChannelPipeline.SynchronousOperations, target: Address) throws {
        let name = serverName.isEmpty ? "\(target)" : serverName
        // RFC 6066 section 3: addresses are not sent.
        let hello = IPAddress(name) == nil ? ClientHello.normalized(name) : nil
        guard pins.isEmpty else {
            let pins = pins
            let handler = try NIOSSLClientHandler(
                context: context, serverHostname: hello,
                customVerificationCallback: { chain, promise in
                    promise.succeed(Self.isPinned(chain, pins) ? .certificateVerified : .failed)
                }, configuration: TLSSettings.handler)
            try pipeline.addHandler(handler)
            try pipeline.addHandler(TLSCeiling(info: nil))
            return
        }
        let names = names.isEmpty ? [name] : names
        let handler = try NIOSSLClientHandler(
            context: context, serverHostname: hello, configuration: TLSSettings.handler)
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

    /// A server is trusted by the hash of its own certificate, whoever signed it.
    private static func isPinned(_ chain: [NIOSSLCertificate], _ pins: Set<Data>) -> Bool {
        guard let leaf = try? chain.first?.toDERBytes() else { return false }
        return pins.contains(Data(SHA256.hash(data: leaf)))
    }

    private static func authorities(
        _ config: Xray_Transport_Internet_Tls_Certificate
    ) throws(ControlError) -> [NIOSSLCertificate] {
        do {
            let data =
                config.certificate.isEmpty && !config.certificatePath.isEmpty
                ? try Data(contentsOf: URL(fileURLWithPath: config.certificatePath)) : config.certificate
            return try NIOSSLCertificate.fromPEMBytes([UInt8](data))
        } catch {
            throw ControlError(
                "transport/internet/tls: failed to append cert: \(config.certificatePath) > "
                    + TLSSettings.text(of: error))
        }
    }
}
