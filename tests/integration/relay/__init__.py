from tests.kit.extras import require_libp2p

require_libp2p()
