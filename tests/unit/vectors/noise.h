/* Made by noise.py: do not edit. Hexadecimal. */
/* clang-format off */
#ifndef LANRAGE_TESTS_VECTORS_NOISE_H
#define LANRAGE_TESTS_VECTORS_NOISE_H

static const char vector_kdf_key[] =
	"12e223dcb2d3fcc85d3e077eae28702be39a411d275837fa4c332d57d93133fc";
static const char vector_input_empty[] =
	"";
static const char vector_hmac_empty[] =
	"7171e57f5e0c4fe92df523db7dc8a8e480b7c1ad1a36ad158f5a308ac56afbde";
static const char vector_kdf_empty_1[] =
	"91cbcee3589f215ad2e2e356273528d8d41ce0e887e549544dd72fa81eff84a4";
static const char vector_kdf_empty_2[] =
	"9fbc7e401388fe22788df9c78d9e970756a6ebfdaabf70366ca984bbf4fc44ff";
static const char vector_kdf_empty_3[] =
	"dee96540e89af4ed16f601d9feb729e68091716e5b2a9b1d0f2383467c432220";
static const char vector_input_short[] =
	"6c616e72616765";
static const char vector_hmac_short[] =
	"573531941b4c1672932c3b76358bda68ffb1f77d9007478f48c857475f5b957a";
static const char vector_kdf_short_1[] =
	"2ef1b36846636a5cc604c1defe7883ab37f8d90f6df98bf5a021a9a7ac0a1374";
static const char vector_kdf_short_2[] =
	"08495ce3e73331a3af5b6c559d8fa848c2dbf61a0cd358344670ac8eb52a69a3";
static const char vector_kdf_short_3[] =
	"db0e1ff7d2d4c2b8774270493e3c9e1857cbc0a8aae6437549088a1f147338c2";
static const char vector_input_long[] =
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	"c0c1c2c3c4c5c6c7";
static const char vector_hmac_long[] =
	"eda07032e8213c434b1c1c6de15f259428f48fec8102c882bd237818decdbe0b";
static const char vector_kdf_long_1[] =
	"859d579564b12ee474254bde0bb7aaf895e0ae2ad44acffacf32967e7739a61a";
static const char vector_kdf_long_2[] =
	"2170b967844f3cb3d09f6d7ffd4554a840804501ba33fb9a2d6855ebcab131ee";
static const char vector_kdf_long_3[] =
	"b7fc3124a89dd308e704812ea9f492abddaae0930ade16c5fc7e03242a764732";
static const char vector_static_i[] =
	"6b1383b9a68c3e22704eb76f1bbd6102d9983dea42c2d60fd460f63ae129bb11";
static const char vector_static_r[] =
	"fdd79f5bec5dc175f82c15b4b72060a8ab8698934a4cd795fa7ebaf4e39c1e37";
static const char vector_eph_i[] =
	"ea393b192fc90f9ca781853bb517e6ecdb4765ea1d2c9f869c9a8a5dc1c5dde5";
static const char vector_eph_r[] =
	"7af4d70e01a0611e5c828fa291d7f152376bface59f12375ac133417562a4e67";
static const char vector_public_i[] =
	"ace05815857b7206e5d7beb44c88b641caaa74bfbb0c03e457829a2217e4ae2c";
static const char vector_public_r[] =
	"06f6c9dfe9db0ae09b9a405289191a48b6eb23419de401cda9800b4c49930071";
static const char vector_timestamp[] =
	"400000006553f10a01000000";
static const char vector_psk[] =
	"22c2212187020d63b13ca1c43fe2c235548035242ceedde7ca25ee0480995e2d";
static const char vector_initiation_plain[] =
	"01000000443322111fb22d22843e83c5616c4e80caa091331a66ff0e74573e68"
	"e084dd145172a45c551c56b89d9cf646bb45245bde6faebdac8dc06ba81715a6"
	"7887c2bcbdf2e2d6170541cdabd9339061ee5dd18b3345fabcc59ab2a4acd795"
	"9494d04c83b949eb380d9ea244db3db0899f53f1498d10a0b6cab9a9a5f5f6a2"
	"960109a100000000000000000000000000000000";
static const char vector_response_plain[] =
	"02000000ddccbbaa44332211cfb82a4c40ec91c20e0c4c131a3bdb7933b30187"
	"945a5205f25d5faa6eb68e67eeded049bbbbe5e77c950709c7674e29ee4a90a6"
	"ee6d022f0c9468f63484a37900000000000000000000000000000000";
static const char vector_forward_plain[] =
	"99479933b7dd1e81436838e844edb6cea3ae99edf616c4ee512df998f6adff9d";
static const char vector_backward_plain[] =
	"2e22f51d146c4c9ee688bc9be5e2dadf2f131bd30cd4e09a93d1353124e06487";
static const char vector_initiation_psk[] =
	"01000000443322111fb22d22843e83c5616c4e80caa091331a66ff0e74573e68"
	"e084dd145172a45c551c56b89d9cf646bb45245bde6faebdac8dc06ba81715a6"
	"7887c2bcbdf2e2d6170541cdabd9339061ee5dd18b3345fabcc59ab2a4acd795"
	"9494d04c83b949eb380d9ea244db3db0899f53f1498d10a0b6cab9a9a5f5f6a2"
	"960109a100000000000000000000000000000000";
static const char vector_response_psk[] =
	"02000000ddccbbaa44332211cfb82a4c40ec91c20e0c4c131a3bdb7933b30187"
	"945a5205f25d5faa6eb68e670dd40906fcf4e14559da047f248820ae15f317a2"
	"116c0ce62cf188442d11ab5500000000000000000000000000000000";
static const char vector_forward_psk[] =
	"ee9cb5122d00d824eaa19b84b689fa7599334dfc304f3bea21e64fb661369f27";
static const char vector_backward_psk[] =
	"6bf4fe08a6ea4cb887e50d655820efb2da39095fd791ed63989ac59e8290c654";
static const char vector_packet[] =
	"000102030405060708090a0b0c0d0e0f10111213";
static const char vector_data[] =
	"04000000ddccbbaa050000000000000017d366507f098fa47cf10aa04888fba3"
	"2614e5ca8e5e8ad570abdda11415e36bb765df8bf33dbd6d7ff527db0ad20a31";
static const char vector_cookie_secret[] =
	"700313011d0817c94ea498f961b090261634266780fde2b328fed57f0e95ead4";
static const char vector_cookie_nonce[] =
	"f3eae044e7b936e97fca0350bd7532855aed972b1d7b2284";
static const char vector_cookie_source[] =
	"cb00710715b3";
static const char vector_cookie_reply[] =
	"0300000044332211f3eae044e7b936e97fca0350bd7532855aed972b1d7b2284"
	"a92f84472c79b0fd74d03c971f8590a2241a352ad7b78d4e061efc0edf9c4d84";
static const char vector_mac2[] =
	"a40036debd71236cb4bcadc646c3a323";

#endif
