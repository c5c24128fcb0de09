// SPDX-License-Identifier: Apache-2.0
import Testing

/// Conversations with Xray, recorded on the wire: streams to 127.0.0.1:21004 and a datagram to 127.0.0.1:21002, with what the
/// client drew at random.
struct Shadowsocks2022Vector: Sendable, CustomTestStringConvertible {
    var method: String
    /// In hexadecimal, the user's own last.
    var keys: [String]
    var time: UInt64
    /// The salt of a stream; the session id of a datagram.
    var salt: String
    var padding: String
    /// Of a stream: what went into the request, and what followed.
    var uplink: [String] = []
    var sent: String
    var received: String
    var downlink: String

    var testDescription: String { "\(method), \(keys.count) keys" }

    static let streams: [Shadowsocks2022Vector] = [
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-128-gcm",
            keys: ["30313233343536373839616263646566"],
            time: 1795479921, salt: "097d91b0ad0b211309ac63a91e5d1103", padding: "95130668615ca282f5",
            uplink: ["474554202f20485454502f312e310d0a486f7374", "3a20766563746f722e746573740d0a0d0a"],
            sent: """
                097d91b0ad0b211309ac63a91e5d110373f9126f35406f9065d008c1db91e23a9a2cf15374a974b6fc4c70df81713769d068
                dd2059b45a99d16c30bf40c255e8cc273e10cf23478cfcf8c83a4f8d6766e41a8e2477f985bb47799edef5d97fb20009f46c
                bb035189b86b71fee8256a08cdedcd91465c9e4ac5dd6591343821477bb8c89bef7982a5c7eb033126f3f8c11bc5ce12
                """,
            received: """
                f2d8141c57337302954f79f5cdb9d55677777198f5b11563b4de86b3409114863e7de1b248ec3cf3d0b70068bb0595c2eaf6
                6551fa81276a664f920d9f43825ba017467e142e957c47f0aa1e0f77019d1f760f1f2e50f85c8c2d74301faf26ad5fccabe1
                66f8ea54981b6d5630e15999471f8b172a4864644c6841b9677b814178aafb66de5901b1aef28a124e518cfce566df977ee2
                92ba94a5b0d9debf5b413891582f827fa608ee5ee6ccc5f55e9e7918a138
                """,
            downlink: """
                485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
                20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
                740a6f6e65
                """),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-256-gcm",
            keys: ["3031323334353637383961626364656630313233343536373839616263646566"],
            time: 1795479921, salt: "4594fec530986aab341c765e92e7efa39c5d84891225a2c2eb1ec41ff132a0f5",
            padding: "4bb0a40534da19a42f",
            uplink: ["474554202f20485454502f312e310d0a486f7374", "3a20766563746f722e746573740d0a0d0a"],
            sent: """
                4594fec530986aab341c765e92e7efa39c5d84891225a2c2eb1ec41ff132a0f5916f08eca858fb6dff159b29d68640181335
                3010ef0496fcdff55c4195528dee2d388c34b76d9ce68b8b8c70d8c0913a294c3d7e27a5bf02820ed618ce6e1f4546649e8a
                525c757562cab30e68f3a947edac1e6ffed1b21f1cfe072944df932cec306f2dd8c57e367350edd772298e3122ee56b33975
                469d769bf8f1b739bf12a23cc6e7
                """,
            received: """
                b972e959f6f923a8e4b91da0e27f489869346d63daeecf655e5ed274180f99e2c1a8709bc82612f00de569de43b518b5553f
                f50b763387c7cda7e1f676bfed3d9fe45d2b6874584cb982940e13bab0eed8a3525947e8e28841a6b155c342963163f47d49
                61207344d2a2070a611d5a8e0a76ee63bacce1dc156cb2335a7c0d0d0bd542192d4045c0b38d3372b253d2e6263e70d1cc9f
                227fb2b889ef6c8ec54dbb369b17b3c871047e540e121b16ecb19d9d1f54583ee34d5b8caab25981d2d22ac438fbc13bda98
                f727cb79f31e11aba404ffea
                """,
            downlink: """
                485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
                20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
                740a6f6e65
                """),
        Shadowsocks2022Vector(
            method: "2022-blake3-chacha20-poly1305",
            keys: ["3031323334353637383961626364656630313233343536373839616263646566"],
            time: 1795479921, salt: "9087c9fa9807e1c43d642aa50968e42e9e6c5efac2e11a146d5477ca775a9fac",
            padding: "c0c0ddadfb18e35b51",
            uplink: ["474554202f20485454502f312e310d0a486f7374", "3a20766563746f722e746573740d0a0d0a"],
            sent: """
                9087c9fa9807e1c43d642aa50968e42e9e6c5efac2e11a146d5477ca775a9fac24152fa8bda238048280b8be7d47a566511f
                05cdaf8bf434a0b6c497d2d6a9ea75f976f4ae15b1fc5579e1b6e902d4ca06c6dec9942d993f8b7581171d0bda1950604cc3
                a195acd7fbcfab792f0e08779eff7435e39196aee4ea360eb5594edc3937e087ceb04893c5bbecbb34f84a29a1e87b0e0e04
                b48f74f0d3c0aca6883ff776be79
                """,
            received: """
                e985d680f861bcc899285ce5e28d65a728fadca025c6a2dd32ac62a7b0bcb583cf4803ca6908b7297c998b659188e55878ed
                10314442532f7b9d42b0fc0037c1d45c7aafb304f3914c55f5ab1ff890d0c054afee9f494bb77c085fe67d32b28e9ad32c0f
                0c3a0a7ff15481e39bd70f44845412b8bb7ad2f9edbc8a029b1db4f80e91131cd905f2f77ca1997188b9aa040c6faa336350
                de2f482057eb7eaa515068e0220ebce10873940b7663996e306b58ba14f61a6c5c865a9065920c50c788198eaabe4a58ee6e
                9b2113359924770f4360ae8a
                """,
            downlink: """
                485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
                20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
                740a6f6e65
                """),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-128-gcm",
            keys: ["30313233343536373839616263646566", "757365722d6b65792d30303030303032"],
            time: 1795479921, salt: "479fe052e40cfeb5aea20fcc1d5da7a6", padding: "acf828179cd2eb4cf2",
            uplink: ["474554202f20485454502f312e310d0a486f7374", "3a20766563746f722e746573740d0a0d0a"],
            sent: """
                479fe052e40cfeb5aea20fcc1d5da7a68b091c525557ed82a9d5bfc6665928af55f07e1c2a8e5680a5dfc5439792dfe34f45
                5ea52a3827f76a82ccb518ddb518d67c4325b06e182cdea922a70a7c0a5bf014228a97cb0b5b88c87236657292f2de7bc72f
                b92e4626c024b54f505e6de627e44088642079283009b654fc6ef61142181df4a535f39914e6e8542849cc1ba4e833a0d2f2
                fa354c4fe34acd5db63146f19724
                """,
            received: """
                9ba3ff12e6b2e923911649c4105bc79c348fb37b914d4c236f5a809e185944a95b132c6310e14f830566262c3a85e6cb81af
                f688d8ece4a6d3cc6409adc10af7508cf6f495d25b08e3e2b9d703a0361dcf99c1c18118897596c66a0ce6f84217b61fadb7
                e1361e00736eaba13c6b16d1a8d135758861fa81ff537b902ba9e311244885e703da24a896944f75ee9f97bbe3c4f4c6099f
                d906c2e0333cb601a7f26cac51159bb1c3e5b86356dcc7d57e559759f532
                """,
            downlink: """
                485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
                20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
                740a6f6e65
                """),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-256-gcm",
            keys: [
                "3031323334353637383961626364656630313233343536373839616263646566",
                "757365722d6b65792d30303030303032757365722d6b65792d30303030303032",
            ],
            time: 1795479921, salt: "596e4cd882316969825164aa9988e7338c5867a9d6a85899a41500945da1379d",
            padding: "a1dd38357cc57043ec",
            uplink: ["474554202f20485454502f312e310d0a486f7374", "3a20766563746f722e746573740d0a0d0a"],
            sent: """
                596e4cd882316969825164aa9988e7338c5867a9d6a85899a41500945da1379d3494a2cfd70929f8243a7b5eeecf0dbc6aa2
                5cd5dabca62a6108f84692f198be5081007f0de8a85ea1e44c09b8c2d93a97b35039787395b735c56e6652d2542589b94449
                e3f67af0535bd7af326d0cec47c1c676cf995caaf0593a210369b2a27cf9e1e37576b03ceb4e0ccbaf752bdc90fe086d13a4
                98d9b6959416900bafb20a9f9e58220cd82a74cc8ba69727589544eb5236
                """,
            received: """
                8fc7afb78cc6d379506cfbb0afe58004ea0ef1ba707a68ded1e99ade80735b3034957b4c04ef56ec2ff651dca08be430f175
                f1d48597582a1ae7d4601e0280d6d6911d724e0313fcea66bf56d7f15924031c5b94a9f14cb33854cc98fde2cda447bd5579
                b30db12d22a7c65365c4fb8b8545f8732f60739f517101a3a97f4509d72d8bf903450b57d5e078d8d1c1d67166ea0f514586
                dc1b12400889f371d0ce8b69388925855a8abf95fc6fb95eee4015fa008b95a366ca3a63a9373224854b41d5d8b1d3f1221b
                c6cd3fa91d8e30aabe222259
                """,
            downlink: """
                485454502f312e3120323030204f4b0d0a436f6e74656e742d4c656e6774683a2032310d0a436f6e74656e742d547970653a
                20746578742f706c61696e0d0a436f6e6e656374696f6e3a20636c6f73650d0a0d0a68656c6c6f2066726f6d207461726765
                740a6f6e65
                """),
    ]

    static let datagrams: [Shadowsocks2022Vector] = [
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-128-gcm",
            keys: ["30313233343536373839616263646566"],
            time: 1795479921, salt: "eb3bb1cc31a93293", padding: "aaaaaaaaaa",
            sent: """
                dbc03819c3be6cf196ed87c934d6aaf57bd4d2da78cc8ec2dffc7cdf0e861d9d9eb00334b44ce4311668ea1b81f4d5d843a1
                a656ebb3417071af5c4c
                """,
            received: """
                1dc4f0270c451cf795e10769dcecb4a441fd08bfe863db371def984fedf8023d43d52f5c77b6cbc99eaab91f1d07acd05874
                d3834c212ed449e912ab860fbead623144538a1f
                """,
            downlink: "5532313030323a68656c6c6f"),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-256-gcm",
            keys: ["3031323334353637383961626364656630313233343536373839616263646566"],
            time: 1795479921, salt: "15cdcc89b8228c5a", padding: "aaaaaaaaaa",
            sent: """
                b974d354a7b56159a2e457c75016f2ce62f43cc5e482e66a7464fbd5722d01fe6732efce63d0009ca778acaa7091036c3c66
                b991f16426f47e58c526
                """,
            received: """
                78b1de4aab43d1b805a99d3fc247c10bd7874ec5546413220637929a7aa62ca507a6cd13411c2a66e0ad570d76d31d3b1855
                67d02a2a1e6194ac87b52e802a2a690c32159a0b
                """,
            downlink: "5532313030323a68656c6c6f"),
        Shadowsocks2022Vector(
            method: "2022-blake3-chacha20-poly1305",
            keys: ["3031323334353637383961626364656630313233343536373839616263646566"],
            time: 1795479921, salt: "4b7759e2682d61c1", padding: "aaaaaaaaaa",
            sent: """
                7dc0ae88e12a8a5972d69cc3c06f66bda884488685027a0ab2734d74f57def712af7c47810eae9a3eb8f421ba6f38dc79136
                ccd666460f30b2794dfce59082b714cfb447d12d925edcced9c148dc10d7cdfe0e9b
                """,
            received: """
                faf0768490c7d1745a65e7987a4c9be724e3e881d7f40966e8c664fdf926e188e3690e08d08668b45fd05a4b9142e02c29ef
                1e713376620cabc3c7a635316976e76845eae809f8561110fe3bcef2028a2191e5dc376132a7343e9d0e7896
                """,
            downlink: "5532313030323a68656c6c6f"),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-128-gcm",
            keys: ["30313233343536373839616263646566", "757365722d6b65792d30303030303032"],
            time: 1795479921, salt: "267ab2112eae8e6f", padding: "aaaaaaaaaa",
            sent: """
                61100a20408fb5feba9f10a636baeb69be9913e5a3e446a9464e179450f7d7306d4da71cb736dcf60e16c887ed1f540e99cc
                d7f00065be15ed16ee30659e4a3a9cb47e6facf5626a8d931753
                """,
            received: """
                9c68b1b15c50f03bf6e456b56ca82707a829aed4f70f62b198e2e01311f3e3be0ee8f1f9b690b31f55d336787bf8aee734dd
                ccec1dc212b3edd041e19db2f856d1af3cbf5e85
                """,
            downlink: "5532313030323a68656c6c6f"),
        Shadowsocks2022Vector(
            method: "2022-blake3-aes-256-gcm",
            keys: [
                "3031323334353637383961626364656630313233343536373839616263646566",
                "757365722d6b65792d30303030303032757365722d6b65792d30303030303032",
            ],
            time: 1795479921, salt: "81aefdbd4d78f632", padding: "aaaaaaaaaa",
            sent: """
                a16db9ba87c9e4a3665d738fc0c1d996b41a2365487980f6b112cc4a3a09e1a5420fda9cf89f7f819288f408dd30d89af0d4
                8011081faf0ec416368deafb101195e15d889a15ac14b3162364
                """,
            received: """
                0b0ef932de866169ae260e30ad2ea86e701ac8de5e6c158a6c8b2e1219febdebde5ef7eb540e8ee1a44580d77db5124c838d
                b1b5e3e632ccc61689b13704890d0863ec82daa1
                """,
            downlink: "5532313030323a68656c6c6f"),
    ]
}
