// SPDX-License-Identifier: Apache-2.0

/// A balancer that chooses otherwise than before.
package struct BalancerChange: Sendable, Equatable {
    package var tag: String
    /// The override; "" when there is none.
    package var target: String
    /// The outbounds that it chooses among, in order of their names; empty also when the balancer is gone.
    package var outbounds: [String]

    package init(tag: String, target: String, outbounds: [String]) {
        self.tag = tag
        self.target = target
        self.outbounds = outbounds
    }
}
