// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOSSL
import ProxyModel
import Synchronization
import Telemetry
import XrayProtos

/// What the two sides of TLS make of the same fields of their settings.
enum TLSSettings {
    /// How long a closed connection waits for the peer's farewell.
    static let farewell = TimeAmount.seconds(2)
    /// What one connection may keep of its buffer for outgoing records: enough for a full burst, too little to add up.
    static let handler: NIOSSLHandler.Configuration = {
        var configuration = NIOSSLHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = 64 * 1024
        return configuration
    }()

    /// Versions, ciphers, curves, application protocols and the key log.
    /// - Parameter alpn: The protocols where the settings name none.
    /// - Throws: For what this build does not have, by name.
    static func apply(
        _ config: Xray_Transport_Internet_Tls_Config, to tls: inout TLSConfiguration, alpn: [String]
    ) throws(ControlError) {
        tls.minimumTLSVersion = version(config.minVersion) ?? .tlsv12
        tls.maximumTLSVersion = version(config.maxVersion)
        tls.shutdownTimeout = farewell
        guard !config.nextProtocol.contains(where: { $0.lowercased() == "frommitm" }) else {
            throw unavailable("alpn: fromMitm", "name the protocols")
        }
        tls.applicationProtocols = config.nextProtocol.isEmpty ? alpn : config.nextProtocol
        // As in the original, names that are not known are passed over.
        let ciphers = config.cipherSuites.split(separator: ":").compactMap { Self.ciphers[String($0)] }
        if !ciphers.isEmpty { tls.cipherSuiteValues = ciphers }
        if !config.curvePreferences.isEmpty { tls.curves = try curves(config.curvePreferences) }
        if !config.masterKeyLog.isEmpty, config.masterKeyLog != "none" {
            tls.keyLogCallback = try KeyLog.callback(path: config.masterKeyLog)
        }
        guard config.echConfigList.isEmpty, config.echServerKeys.isEmpty else {
            throw unavailable("encrypted client hello (echConfigList, echServerKeys)", "leave it out")
        }
    }

    private static func version(_ text: String) -> TLSVersion? {
        switch text {
        case "1.0": .tlsv1
        case "1.1": .tlsv11
        case "1.2": .tlsv12
        case "1.3": .tlsv13
        default: nil
        }
    }

    private static func curves(_ names: [String]) throws(ControlError) -> [NIOTLSCurve] {
        var curves: [NIOTLSCurve] = []
        for name in names {
            guard let curve = Self.curves[name.lowercased()] else {
                let known = Self.curves.keys.sorted().joined(separator: ", ")
                throw ControlError("transport/internet/tls: unsupported curve name: \(name) (known: \(known))")
            }
            curves.append(curve)
        }
        return curves
    }

    private static let curves: [String: NIOTLSCurve] = [
        "curvep256": .secp256r1, "curvep384": .secp384r1, "curvep521": .secp521r1, "x25519": .x25519,
        "x25519mlkem768": .x25519_MLKEM768,
    ]

    private static let ciphers: [String: NIOTLSCipher] = [
        "TLS_RSA_WITH_AES_128_CBC_SHA": .TLS_RSA_WITH_AES_128_CBC_SHA,
        "TLS_RSA_WITH_AES_256_CBC_SHA": .TLS_RSA_WITH_AES_256_CBC_SHA,
        "TLS_RSA_WITH_AES_128_GCM_SHA256": .TLS_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_RSA_WITH_AES_256_GCM_SHA384": .TLS_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": .TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": .TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": .TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": .TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    static func unavailable(_ what: String, _ instead: String) -> ControlError {
        ControlError("transport/internet/tls: \(what) is not available; \(instead)")
    }

    /// Tells of certificate files that have changed.
    /// - Parameter owner: Whose they are, as in `inbound TAG`.
    static func report(_ result: Result<Void, ControlError>, of owner: String, to log: CoreLog) {
        switch result {
        case .success:
            log.write(.info, "transport/internet/tls", "new certificates are in use for the \(owner)")
        case .failure(let error):
            log.write(
                .warning, "transport/internet/tls", "the changed certificates of the \(owner) are not used > \(error)")
        }
    }

    /// An error of the TLS library in a few words.
    static func text(of error: any Error) -> String {
        switch error {
        case NIOSSLError.handshakeFailed(let cause): text(of: cause)
        case BoringSSLError.sslError(let stack):
            stack.map(\.description).joined(separator: "; ")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "the certificate is for another name"
        default: "\(error)"
        }
    }
}

/// Appends session secrets to a file, in the format that packet analysers read, without waiting for the disk on a loop.
private enum KeyLog {
    static func callback(path: String) throws(ControlError) -> NIOSSLKeyLogCallback {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else {
            throw ControlError(
                "transport/internet/tls: failed to open \(path) as master key log > \(String(cString: strerror(errno)))"
            )
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let queue = DispatchQueue(label: "tls key log")
        return { line in
            let data = Data(line.readableBytesView)
            queue.async { try? file.write(contentsOf: data) }
        }
    }
}
