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
    /// Compares the certificate's names with the one in the hello.
    private let context: NIOSSLContext
    /// Leaves the names to the handler's callback.
    private let namelessContext: NIOSSLContext
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
            tls.certificateVerification = .noHostnameVerification
            namelessContext = try NIOSSLContext(configuration: tls)
        } catch {
            throw ControlError("transport/internet/tls: unusable settings > \(TLSSettings.text(of: error))")
        }
    }

    /// The TLS handler for a connection to `target`, which lends its name where the settings have none.
    /// - Throws: For a name that no certificate can have.
    func handler(for target: Address) throws -> NIOSSLClientHandler {
        let name = serverName.isEmpty ? "\(target)" : serverName
        // RFC 6066 section 3: addresses are not sent.
        let hello = IPAddress(name) == nil ? ClientHello.normalized(name) : nil
        guard pins.isEmpty else {
            let pins = pins
            return try NIOSSLClientHandler(
                context: namelessContext, serverHostname: hello,
                customVerificationCallback: { chain, promise in
                    promise.succeed(Self.isPinned(chain, pins) ? .certificateVerified : .failed)
                }, configuration: TLSSettings.handler)
        }
        if names.isEmpty, let hello {
            return try NIOSSLClientHandler(
                context: context, serverHostname: hello, configuration: TLSSettings.handler)
        }
        let names = names.isEmpty ? [name] : names
        return try NIOSSLClientHandler._makeSSLClientHandler(
            context: namelessContext, serverHostname: hello,
            additionalPeerCertificateVerificationCallback: { certificate, channel in
                guard names.contains(where: { PeerNames.matches(certificate, $0) }) else {
                    let error = TransportFailure(
                        "TLS certificate refused",
                        "it is for \(PeerNames.hostNames(of: certificate).joined(separator: ", ")), not for "
                            + names.joined(separator: ", "))
                    return channel.eventLoop.makeFailedFuture(error)
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            })
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
