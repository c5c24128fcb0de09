// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What the headers of a request say, and why a server refuses it: the checks and texts of grpc-go.
struct RequestHeaders {
    private(set) var registration: GRPCHandlerTable.Method?
    private(set) var compression = GRPCMessageDecoder.Compression.identity
    private(set) var timeout: TimeAmount?
    private(set) var refusal: GRPCStatus?
    /// Goes with ``refusal``.
    private(set) var httpStatus = "200"

    mutating func read(_ block: UnsafeRawBufferPointer, table: GRPCHandlerTable) {
        var path: UnsafeRawBufferPointer?
        var isPost = false
        var method = ""
        var contentType: UnsafeRawBufferPointer?
        var badTimeout: String?
        HeaderBlock.forEach(in: block) { token, _, value in
            switch token {
            case HeaderBlock.Field.path: path = value
            case HeaderBlock.Field.method:
                isPost = value.elementsEqual("POST".utf8)
                if !isPost { method = String(decoding: value, as: UTF8.self) }
            case HeaderBlock.Field.contentType: contentType = value
            case HeaderBlock.Field.grpcTimeout:
                timeout = GRPCTimeout.parse(value)
                if timeout == nil { badTimeout = String(decoding: value, as: UTF8.self) }
            case HeaderBlock.Field.grpcEncoding: compression = Self.compression(value)
            default: break
            }
        }
        guard let contentType, Self.isGRPC(contentType) else {
            httpStatus = "415"
            let name = contentType.map { String(decoding: $0, as: UTF8.self) } ?? ""
            refusal = GRPCStatus(.invalidArgument, "invalid gRPC request content-type \(name.debugDescription)")
            return
        }
        guard isPost else {
            httpStatus = "405"
            refusal = GRPCStatus(
                .internal, "Received a HEADERS frame with :method \(method.debugDescription) which should be POST")
            return
        }
        if let badTimeout {
            refusal = GRPCStatus(.internal, "malformed grpc-timeout: \(badTimeout.debugDescription)")
            return
        }
        guard let path else {
            refusal = GRPCStatus(.unimplemented, "malformed method name: \"\"")
            return
        }
        registration = table.method(at: path)
        if registration == nil {
            refusal = table.refusal(of: path)
        } else if case .unsupported(let name) = compression {
            refusal = GRPCStatus(.unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"\(name)\"")
        }
    }

    /// `application/grpc`, alone or followed by `+subtype` or `;parameters`, in any case.
    static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
        let base: StaticString = "application/grpc"
        guard value.count >= base.utf8CodeUnitCount else { return false }
        for index in 0..<base.utf8CodeUnitCount where value[index] | 0x20 != base.utf8Start[index] {
            // `/` has the bit set already.
            return false
        }
        guard value.count > base.utf8CodeUnitCount else { return true }
        return value[base.utf8CodeUnitCount] == 0x2b || value[base.utf8CodeUnitCount] == 0x3b
    }

    static func compression(_ value: UnsafeRawBufferPointer) -> GRPCMessageDecoder.Compression {
        if value.isEmpty || value.elementsEqual("identity".utf8) { return .identity }
        if value.elementsEqual("gzip".utf8) { return .gzip }
        return .unsupported(String(decoding: value, as: UTF8.self))
    }
}
