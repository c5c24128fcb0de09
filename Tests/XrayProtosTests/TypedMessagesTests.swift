// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing
import XrayProtos

struct TypedMessagesTests {
    @Test func aPackedMessageComesBack() throws {
        let account = Xray_Proxy_Vless_Account.with { $0.id = "a" }
        let typed = try TypedMessages.pack(account)
        #expect(typed.type == "xray.proxy.vless.Account")
        #expect(try TypedMessages.unpack(typed) as? Xray_Proxy_Vless_Account == account)
        #expect(try typed.typed(as: Xray_Proxy_Vless_Account.self) == account)
        #expect(try typed.typed(as: Xray_Proxy_Vmess_Account.self) == nil)
    }

    @Test(arguments: [
        "", "type.googleapis.com/xray.proxy.vless.Account", "v2ray.core.proxy.vless.Account", "xray.proxy.vless",
    ])
    func unknownTypesAreNotFound(name: String) {
        let typed = Xray_Common_Serial_TypedMessage.with { $0.type = name }
        #expect(throws: TypedMessageError.notFound(name)) { try TypedMessages.unpack(typed) }
    }

    @Test func bytesThatAreNoMessageAreMalformed() {
        let typed = Xray_Common_Serial_TypedMessage.with {
            $0.type = "xray.proxy.vless.Account"
            $0.value = Data([0x0a, 5])
        }
        #expect(throws: TypedMessageError.malformed("xray.proxy.vless.Account")) {
            try typed.typed(as: Xray_Proxy_Vless_Account.self)
        }
    }
}
