// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ProxyProtocols

/// Streams to 127.0.0.1:21004 between other programs, recorded on the wire.
struct ShadowsocksVector: Sendable, CustomTestStringConvertible {
    var name: String
    var cipher: ShadowsocksCipher
    var password: String
    var clientToServer: String
    var serverToClient: String

    var testDescription: String { name }

    /// What every client sent behind the address.
    static let uplink = """
        474554202f20485454502f312e310d0a486f73743a20766563746f722e746573740d0a0d0a
        """
    /// What every server answered.
    static let downlink = """
        485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
        20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
        740a6f6e65
        """

    static let all: [ShadowsocksVector] = [
        ShadowsocksVector(
            name: "shadowsocks-libev aes-128-gcm", cipher: .aes128GCM, password: "correct horse battery staple",
            clientToServer: """
                30adecf9a6d7ddee9e565fb6db9e3f1ca1be0fe00bb78a855c2f770380fb594381de3fc74f376c4f1349e66adb7deed25e9f
                b62fffdaa03d449b2f404c8ea72eef898da6e1a1541439a87215d0d6d2449187630b2bae55b62e8d85c626d815db714d9bd8
                8f7a0538965a4d5968de040b45c5a4eac01656256a43d67e4d9df2df
                """,
            serverToClient: """
                f83b3b1822fbbe147e024fad44eeb3c2ae7f1324547acea063895067b346323ffb6a3e1bfd2c2f025e010e6e74df5e9bf818
                e8ce4ba59c55bca9295d5a86c6ce38cdbb1f78a563dac2c1d02bf1249f8600d17b8faefd75c1bf116b6c67c03f6ff61f62b7
                07fec90bb98445105d77590f20059af610165d4b704458ff8c11170bf7a201b272c19a160c0c8bda59c10b4c93f61c69befd
                3049300f59
                """),
        ShadowsocksVector(
            name: "shadowsocks-libev aes-256-gcm", cipher: .aes256GCM, password: "correct horse battery staple",
            clientToServer: """
                b9714e9780ce740a323810bb10326803662dbe07ed9a091bc5f725c75a4b34da072d6b72d52f20b02796e207287999dbee11
                dbc8ab04b9661f23f0d16b613e476a91361932c46ac40960ad934ad818948ec781c2fc18fd06eb1a6130d3e2b9416bfea536
                4ba5c8bc987bf232a10e8e8efa0cf1bcd1ef65cba280257809297825223ed71bded3d1aab8d0a449c964ad36
                """,
            serverToClient: """
                f540485e18d7c13bc27ad2eaa1ce9ca6cb4f4787f1844aedb504e53fca162bcad7e13681515cd8b81d10156e35ca6e63b5e8
                af42c9edd2d934a0c02f2b9f07531a1cf668b97d0d965af49f49026f94d3c47d2b9a1e2ed8159a024a562d93950617a1fa88
                1de33ad87434ade6c61a51324f5e8e2bbb9d433ccaa8869037c34eeb0926f93b67466232ec264e7212f7a09098883dca7b00
                ad4ecda8d8d897a47921547d8e7d0d8af6d7304b6e
                """),
        ShadowsocksVector(
            name: "shadowsocks-libev chacha20-ietf-poly1305", cipher: .chaCha20Poly1305,
            password: "correct horse battery staple",
            clientToServer: """
                e8d014d346faba1e33b6cd6fdb0ff155d3672588593eb203e54a7e49e9353bf82509c8abf4d6385e90d0ddb52b7be34f22c0
                757a618c4d7e7d508bbb86df82c677e8f67c5527c8a5bff960491ccffde2b42aa3ec29d542eaa74bd14ee8ac93fe80b89264
                f4e9d6eb842f06cf12becebffe5aaf24e33409b128896a5edd6cead7392c79cb3c52adf95184538dadbcab70
                """,
            serverToClient: """
                97a421da7e4c06785382ad0525b522c8f40efdd89b040847351e5b0c761580813f3954633f55ab23ae525dd70f1d37eec058
                887eaef15e6be085eb6611f127bb9cee957a4f8b822c95d06f3b74a8203eeb0a1b718036e6dd66697e77faa07a5401ec19a7
                a2e07435a98366f598469037721dcbc0fd4240b505b4b83653fe63ea4829f39cf80529d3a4ff0dc383d87a017d29a8f0ffec
                a482a37a5980c53a22483c44d2343696dca455b1d5
                """),
        ShadowsocksVector(
            name: "v2ray aes-128-gcm", cipher: .aes128GCM, password: "correct horse battery staple",
            clientToServer: """
                39803f5e67c13df60541b5d32ca7854ab8534a41ef2c4e00dbdc0a527eae4400cef43deea88b1b552e02c03960814c1513e0
                0ec60fb1add75feb058e8420beb2a6ba81c4d0f27aef51cb238fce145cb54e00ec052670508ba7f65b771c897e9ed759edcb
                55929a2df9326bcf100c357f70cde714921130e39ff121450311c995
                """,
            serverToClient: """
                e85c6af23b0fa1728bdf45499709b2fff3eb39d0cb8da730da198ba386cf3021acea64adf4f53b06b5882f09ab52344f5afa
                e4ddffd04e0fc85b641fb50a0c5a05cbcf0a8e420f81f48660752e1b1c4b09d4ab1242df18d46b8844c017b7f270c682a953
                9964210db32491b65a44cbf6e258fe1b35d5026b67a54ff49f0af42376e2507fd829265af12ece8ae7ca1d6b889ee04b54e7
                7c9cf362e3
                """),
        ShadowsocksVector(
            name: "v2ray aes-256-gcm", cipher: .aes256GCM, password: "correct horse battery staple",
            clientToServer: """
                e6e6e19947b087cea7c7f82a9f0f632b41f1655d40650bbf073341fd5ae47843f9c8b58fefd05f16a8dd462303a256a479e7
                236320f38cb929af70b224aed71a59e87387d5b85ab432bc4ee0c838068cd6965015645a59f3c7b8398dfe8370d41a90a600
                de9209e9b5f6302978de36528d4bdd76d04c0c8d9ae192028a7551b75d18604f336f9b98e66b95b67167ec18
                """,
            serverToClient: """
                8d558e7ad45528a36eedc6ca8618a4ac869d1577cb1181ea7b2de149ab86fa29322442833c124ab218e31d1719f1aaf72b4f
                c487fc94ba1c7de7eadcbb6afa2f31ce0fae3390901059ba781df01b0de766be00e8bbd976a08368e424de7a7d6d4c39e918
                879fa3ee787df4242f6bfd5f2d807cc0abf0ce848dd519cbd09638f3fd104994a7107df7c2b1776251a2b9ffdc55416f46de
                9f0b7e37e370d4a2519f66b5babfbe7d7de2623df2
                """),
        ShadowsocksVector(
            name: "v2ray chacha20-ietf-poly1305", cipher: .chaCha20Poly1305, password: "correct horse battery staple",
            clientToServer: """
                8ddd54aae6f11875a21a0bf2d4b91b60bfc437497209bd682cd2f1ee3db5818f68a5b98917ec741f4fbd3ee03347afc79e95
                a25a856e2444316e2d5561353effbb392e86e53bacc205dfa8fe8aa38e0b105801ca6c9f56a0a1e9ddc476818fec940eb971
                745edf9db3b6e62067ed39d7f4c014224645c6c7288d36cd4ce3197e00b46ae925f983d5a0dfffce06ea8e88
                """,
            serverToClient: """
                8321dfe3a0da88fafa4ba3e6518fa9e4f98374f7343eafec5f3b9b06a0ace3a4948e6ead11c5b146884d6377860b08c1f0ab
                96f724458bde365522ed5c837dee65c22ff0db8363a003b49e332e3197bc45ad3b59935274c555afc990438381f9bb1651d8
                5c42b899708df090a8f964ee990c2bdc5e7251cf5e54b0f3bf0ed7ce4d4fa43db1cb996fb02d9538caebbe00f7c1d2ae6e00
                77ef4438b25ee9927e54f9cb2f30a61d9e72f819f9
                """),
        ShadowsocksVector(
            name: "Xray-core aes-128-gcm", cipher: .aes128GCM, password: "pw-four",
            clientToServer: """
                353db9181aecc142ebdda7141a26f7b9a4fe319208a4cc90266da19b5c2d1a9cc85bc979e6b5f4fe35e938b24b368296b4ae
                c3b62847418f9932f6622df92c43a54a354f691421f1a68d21bba581d8f87103b986e22109e48461a71c8692d06fdeb66c2d
                517e6baca9cb8442097b31734f5f478e0684fa245e49f50c7557ac39
                """,
            serverToClient: """
                8e578e9390a330fa774b6fc7690dce67f64ee4b9cdc0e38e01d79c09f18ba0de0fe668cf04c83acdce90b3a1fe3707052855
                11b93428064cae372f351086b3744e76d30d1ef3404939ffc0f827e785f2e186cb08ae1660432a71f967e3af57d4dbaaec0f
                7155a471e4a39cf87dc7a0db575e9c0cdf7df665690e53d81474dd0bb9b17ece1c6de2df6ea7fb50287a956426e10adefca1
                ffa4f57eed
                """),
        ShadowsocksVector(
            name: "Xray-core chacha20-ietf-poly1305", cipher: .chaCha20Poly1305, password: "pw-three",
            clientToServer: """
                fc5ec94a3ccf9112a4c50085f4fea00b218fa5e2717591fa160d5a25bd216c7848eedc2834758a975d25e740a410ea82aa15
                14737199997bef765aa558088d14d792f29b56e260860f689428ac71b35df97d4c2a2af1a843b220de9f8d97dfbb1addd854
                70539df57277f5fae932f1eca0c2850f585c3f3944086d9f7b3e9baa79a05731162a3d9baa11b6d8c78c8d63
                """,
            serverToClient: """
                d4014ebb6b32a0afd9cf0f13338012ab7066f8403932f614e95cd15a110e30d68a7f2162ddb5090f2650d7c8fb707c916383
                60d379b7acbf0cdaf46cfa1c667ae2db5d12f755e1af98143d32c27ee805de91ac76120fddc62ad20fbf4641278a8bf48dd1
                b04efae58167b39d15b83571e957ef09ef92b51a976aa5f22fa959982e9285de51f3f40d7d8f45d309add2605be420205116
                3e735b406dc508c5b3a22d2b551a2335aa99f75298
                """),
    ]
}
