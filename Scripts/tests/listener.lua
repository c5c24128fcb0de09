-- SPDX-License-Identifier: Apache-2.0
--
-- Logs what other scripts raise, for tests.

on("script.*", function(event) log.info(event.name, event.email or event.source or event.tag, event.percent or "") end)
