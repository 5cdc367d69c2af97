module github.com/postproof/postproof

go 1.26
