# There is no official image of Eureka: this is Spring Cloud's server, one class, in the version that the native lab runs.
# Behind a package mirror: --secret id=maven,src=$HOME/.m2/settings.xml
FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /eureka
COPY test/servers/recipes/eureka ./
RUN --mount=type=secret,id=maven,target=/run/settings.xml --mount=type=cache,target=/root/.m2/repository \
    mvn -q -B $([ ! -s /run/settings.xml ] || echo -s /run/settings.xml) \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime \
    && mkdir classes && javac -nowarn -proc:none -cp 'lib/*' -d classes src/*.java

FROM eclipse-temurin:17-jre-jammy
WORKDIR /eureka
COPY --from=build /eureka/lib lib
COPY --from=build /eureka/classes classes
USER 1000:1000
ENTRYPOINT ["java", "-Xmx256m", "-cp", "classes:lib/*", "isthmus.EurekaServer"]
